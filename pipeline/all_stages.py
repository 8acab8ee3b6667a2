"""Run: all stages over a folder of videos, each of which does only what is not done yet."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from .base.errors import CvatError, ExitCode, UsageError
from .base.guard import worst
from .base.work import Watch
from .cvat.server import CvatServer
from .dataset.accounts import DatasetAccounts, balance_dataset
from .dataset.store import Dataset
from .engines.base import Engine
from .engines.choice import engine_for
from .settings.cvat import UploadSettings
from .settings.dedupe import DedupeSettings
from .settings.file import Config
from .settings.stages import BreakSettings, ExtractSettings, RunSettings, ValidateSettings
from .stages.dedupe.result import DedupeResult
from .stages.dedupe.stage import dedupe
from .stages.extract import UNITS as EXTRACT_UNITS
from .stages.extract.result import ExtractResult
from .stages.extract.stage import extract
from .stages.report import UNITS as REPORT_UNITS
from .stages.report.current import CurrentReport, find_current
from .stages.report.stage import ReportResult, report
from .stages.upload.result import UploadResult
from .stages.upload.stage import upload
from .stages.validate import UNITS as VALIDATE_UNITS
from .stages.validate.result import ValidateResult
from .stages.validate.stage import validate


@dataclass(frozen=True)
class RunResult:
    """What each stage gave. Later stages are absent where no video could be extracted.

    ``deduped`` is absent as well where frames are left out while extracting and nothing more was
    asked for. ``reported`` is brief where the report was up to date. ``upload_error`` says why
    nothing was uploaded that should have been.
    """

    extracted: ExtractResult
    deduped: DedupeResult | None = None
    validated: ValidateResult | None = None
    accounts: DatasetAccounts | None = None
    uploaded: UploadResult | None = None
    upload_error: CvatError | UsageError | None = None
    reported: ReportResult | CurrentReport | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The worst of the exit codes of the stages."""
        results = (
            self.extracted,
            self.deduped,
            self.validated,
            self.accounts,
            self.uploaded,
            self.upload_error,
        )
        return worst(result for result in results if result is not None)


@dataclass(frozen=True)
class Destination:
    """Where a run uploads to: a server, and the labels of a new project."""

    server: CvatServer
    labels: Sequence[Mapping[str, Any]] = ()

    def upload(
        self, dataset: str | os.PathLike[str], config: Config, watch: Watch | None = None
    ) -> UploadResult:
        """Bring a dataset there, by the settings of all stages; see `stages.upload`."""
        return upload(
            dataset,
            self.server,
            config.section(UploadSettings),
            breaks=config.section(BreakSettings),
            labels=self.labels,
            watch=watch,
        )


class _Common(TypedDict):
    """What all later stages are given alike."""

    breaks: BreakSettings
    engine: Engine
    watch: Watch | None


def run(
    inputs: Iterable[str | os.PathLike[str]],
    dataset: str | os.PathLike[str],
    config: Config | None = None,
    *,
    overwrite: bool = False,
    again: bool = False,
    destination: Destination | None = None,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> RunResult:
    """Extract, look for duplicates, validate, balance the accounts, upload, write the report.

    What is done already is left as it is. So many parameters, for all but two are optional.

    Args:
        inputs: files, folders (recursive) and glob patterns.
        dataset: the folder to write into; made if absent.
        config: the settings of all stages; the defaults if absent.
        overwrite: extract again what is there already.
        again: read all images, also those that were right.
        destination: where to upload; nothing is uploaded if absent.
        engine: carries out the work; the one that the settings name if absent.
        watch: told how each stage goes on.

    Raises:
        UsageError, DiskFullError, InterruptedRunError: as the stages.
    """
    config = config or Config({})
    breaks, settings = config.section(BreakSettings), config.section(DedupeSettings)
    how, limits = config.section(RunSettings), config.section(ValidateSettings)
    with engine_for(engine, how, EXTRACT_UNITS, VALIDATE_UNITS, REPORT_UNITS) as engine:
        extracted = extract(
            inputs,
            dataset,
            config.section(ExtractSettings),
            how,
            dedupe=settings,
            breaks=breaks,
            overwrite=overwrite,
            engine=engine,
            watch=watch,
        )
        store = Dataset(Path(os.path.abspath(dataset)))
        if not store.video_ids():
            return RunResult(extracted)
        common = _Common(breaks=breaks, engine=engine, watch=watch)
        deduped = None
        if settings.method.looks_across:  # copies in other videos are seen only when all are there
            deduped = dedupe(dataset, settings, how, **common)
        validated = validate(dataset, limits, how, again=again, **common)
        accounts = balance_dataset(store)
        uploaded, upload_error = None, None
        try:
            uploaded = destination.upload(dataset, config, watch) if destination else None
        except (CvatError, UsageError) as error:  # the report is worth having all the same
            upload_error = error
        current = find_current(store, breaks, limits)
        reported = current or report(dataset, how, validate=limits, **common)
        return RunResult(extracted, deduped, validated, accounts, uploaded, upload_error, reported)
