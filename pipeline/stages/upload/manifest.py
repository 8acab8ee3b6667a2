"""Manifests: what CVAT has to know of images that it finds on its share or in a cloud storage."""

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import ExitCode
from ...base.guard import Failure, worst
from ...dataset.files import save_text
from ...dataset.store import Dataset, open_dataset
from ...settings.cvat import UploadSettings
from ...settings.stages import BreakSettings
from .plan import Part
from .videos import plan_dataset


@dataclass(frozen=True)
class ManifestResult:
    """The files that were written, the frames in them, and the videos that have none."""

    files: tuple[Path, ...]
    frames: int
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The worst of the exit codes of the videos that have none."""
        return worst(self.failures)


def manifest(
    dataset: str | os.PathLike[str],
    settings: UploadSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
) -> ManifestResult:
    """Write the manifests of a dataset, which is to lie where CVAT finds it.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        settings: where the dataset will lie, and the sizes of tasks; the root of the share if
            absent.
        breaks: what is a break, and which of them end a run; the defaults if absent.

    Raises:
        UsageError: there is nothing to upload, or another prep is writing into the dataset.
        DatasetError: a file cannot be written.
    """
    settings = settings or UploadSettings()
    if settings.sends_images:
        settings = dataclasses.replace(settings, share="")
    store = open_dataset(dataset)  # a folder that is no dataset gets no lock either
    with store.writing():  # it may finish what a killed run has begun, so nothing is read before
        plan = plan_dataset(store, settings, breaks or BreakSettings())
        files = write_manifests(store, plan.parts)
    frames = sum(len(part.frames) for part in plan.parts)
    return ManifestResult(files, frames, plan.failures)


def write_manifests(store: Dataset, parts: Iterable[Part]) -> tuple[Path, ...]:
    """Write a manifest beside the images of each task, and return the files.

    Raises:
        DatasetError: one cannot be written.
    """
    written = []
    for part in parts:
        path = store.folder(part.video_id) / part.manifest_name
        save_text(path, part.manifest_lines())
        written.append(path)
    return tuple(written)
