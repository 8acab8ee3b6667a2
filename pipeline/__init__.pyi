from .all_stages import Destination as Destination, RunResult as RunResult, run as run
from .base.errors import (
    CvatAuthError as CvatAuthError,
    CvatError as CvatError,
    CvatPermissionError as CvatPermissionError,
    CvatRefusedError as CvatRefusedError,
    CvatUncertainError as CvatUncertainError,
    CvatUnreachableError as CvatUnreachableError,
    DamagedVideoError as DamagedVideoError,
    DatasetError as DatasetError,
    DecoderDiedError as DecoderDiedError,
    DecoderHungError as DecoderHungError,
    DecoderKilledError as DecoderKilledError,
    DiskFullError as DiskFullError,
    EncryptedError as EncryptedError,
    ExitCode as ExitCode,
    FfmpegUnusableError as FfmpegUnusableError,
    HwaccelError as HwaccelError,
    InputError as InputError,
    InterruptedRunError as InterruptedRunError,
    NotAVideoError as NotAVideoError,
    NoVideoStreamError as NoVideoStreamError,
    PrepError as PrepError,
    RequestLostError as RequestLostError,
    SourceChangedError as SourceChangedError,
    TooManyFramesError as TooManyFramesError,
    UnbalancedVideoError as UnbalancedVideoError,
    UndecidedError as UndecidedError,
    UnprovenError as UnprovenError,
    UsageError as UsageError,
    VideoError as VideoError,
    WorkerDiedError as WorkerDiedError,
)
from .base.guard import Failure as Failure
from .base.work import Batch as Batch, Watch as Watch
from .cvat.annotations import CvatAnnotations as CvatAnnotations
from .cvat.connect import connect as connect
from .cvat.labels import load_labels as load_labels
from .cvat.server import CvatServer as CvatServer
from .settings.cvat import (
    AnnotateSettings as AnnotateSettings,
    AuditSettings as AuditSettings,
    CvatSettings as CvatSettings,
    UploadSettings as UploadSettings,
)
from .settings.dedupe import DedupeSettings as DedupeSettings
from .settings.export import ExportSettings as ExportSettings
from .settings.file import Config as Config, load_config as load_config
from .settings.splits import LeakSettings as LeakSettings, SplitSettings as SplitSettings
from .settings.stages import (
    BreakSettings as BreakSettings,
    ExtractSettings as ExtractSettings,
    RunSettings as RunSettings,
    ValidateSettings as ValidateSettings,
)
from .stages.annotate.result import AnnotateResult as AnnotateResult
from .stages.annotate.stage import annotate as annotate
from .stages.audit.result import AuditResult as AuditResult
from .stages.audit.stage import audit as audit, audit_export as audit_export
from .stages.dedupe.result import DedupeResult as DedupeResult
from .stages.dedupe.stage import dedupe as dedupe
from .stages.export.result import ExportResult as ExportResult
from .stages.export.stage import export as export, export_file as export_file
from .stages.extract.result import ExtractResult as ExtractResult
from .stages.extract.stage import extract as extract
from .stages.remove import RemoveResult as RemoveResult, remove as remove
from .stages.report.stage import ReportResult as ReportResult, report as report
from .stages.split.result import SplitResult as SplitResult
from .stages.split.stage import split as split
from .stages.status.stage import StatusResult as StatusResult, status as status
from .stages.upload.result import UploadResult as UploadResult
from .stages.upload.stage import upload as upload
from .stages.validate.result import ValidateResult as ValidateResult
from .stages.validate.stage import validate as validate

__version__: str
