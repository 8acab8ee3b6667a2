"""prep manifest."""

from pathlib import Path
from typing import Any

from ..base.errors import printable
from ..settings.cvat import UploadSettings
from ..settings.file import load_config
from ..settings.stages import BreakSettings
from .console import Answer, Console, verb
from .options import config_option, dataset_argument, settings_options


@verb("manifest", "findings")
@dataset_argument
@config_option
@settings_options(UploadSettings, "share", "cloud_storage", "task_size")
def manifest(console: Console, dataset: Path, config_file: str | None, **flags: Any) -> Answer:
    """Write the manifest files for CVAT's share or a cloud storage.

    DATASET is the folder that 'prep extract' wrote into (default: dataset). A manifest.jsonl is
    written beside the images of each video. 'prep upload --share' does that itself; do it yourself
    before you copy a dataset into a bucket.
    """
    from ..stages.upload.manifest import manifest as manifest_stage

    config = load_config(config_file, flags)
    settings, breaks = config.section(UploadSettings), config.section(BreakSettings)
    result = manifest_stage(dataset, settings, breaks=breaks)
    return Answer(
        exit_code=result.exit_code,
        lines=(
            *(failure.error for failure in result.failures),
            *(printable(path) for path in result.files),
        ),
        results=tuple({"file": str(path)} for path in result.files),
        totals={"files": len(result.files), "frames": result.frames},
        errors=tuple(
            {"kind": failure.error_kind, "message": failure.error} for failure in result.failures
        ),
    )
