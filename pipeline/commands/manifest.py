"""prep manifest."""

import dataclasses
from pathlib import Path
from typing import Any

from ..base.errors import ExitCode, printable
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
    from ..dataset.store import open_dataset
    from ..stages.upload.videos import plan_dataset, write_manifests

    config = load_config(config_file, flags)
    settings = config.section(UploadSettings)
    if settings.sends_images:  # the dataset is to lie in the root of the share
        settings = dataclasses.replace(settings, share="")
    store = open_dataset(dataset)  # a folder that is no dataset gets no lock either
    with store.writing():  # it may finish what a killed run has begun, so nothing is read before
        plans = plan_dataset(store, settings, config.section(BreakSettings))
        files = write_manifests(store, plans)
    errors = [plan.error for plan in plans if plan.error is not None]
    return Answer(
        exit_code=max((error.exit_code for error in errors), default=ExitCode.OK),
        lines=(
            *(str(error) for error in errors),
            *(printable(path) for path in files),
        ),
        results=tuple({"file": str(path)} for path in files),
        totals={"files": len(files), "frames": sum(plan.frames for plan in plans)},
        errors=tuple({"kind": error.kind, "message": str(error)} for error in errors),
    )
