"""The stage: make of annotations and images what training programs read."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from ...annotated.chosen import choose_tasks
from ...annotated.match import Matcher
from ...annotated.reading import AnnotatedTask, read_export, read_task
from ...base.work import Watch
from ...cvat.annotations import CvatAnnotations
from ...dataset.store import open_dataset
from ...engines.base import Engine
from ...engines.threads import in_threads
from ...settings.export import ExportSettings
from ...settings.splits import SplitSettings
from ...settings.stages import BreakSettings, RunSettings
from ...splits.asked import Asked
from .maker import Maker
from .result import ExportResult


def export(
    dataset: str | os.PathLike[str],
    server: CvatAnnotations,
    output: str | os.PathLike[str],
    settings: ExportSettings | None = None,
    run: RunSettings | None = None,
    *,
    split: SplitSettings | None = None,
    splits: Path | None = None,
    breaks: BreakSettings | None = None,
    tasks: Sequence[int] = (),
    project: str | None = None,
    overwrite: bool = False,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> ExportResult:
    """Make a training set of what is drawn in tasks, and of the images of a dataset.

    The folder is there whole or not at all; no image is encoded anew.
    So many parameters, as each is something else that a caller may want; all but three are
    optional.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: where the tasks are.
        output: the folder to make.
        settings: what is exported, and how; the defaults if absent.
        run: how the work is done; the defaults if absent.
        split: how images are divided into train, val and test; if absent, or with nothing set,
            as in the dataset's ``splits.json``, and not at all where there is none.
        splits: a file that says of videos on which side they are to stand.
        breaks: what is a break, and which of them end a run; the defaults if absent.
        tasks: their ids; all that were uploaded to this server from the dataset if neither these
            nor a project are given.
        project: all tasks of this one as well, by its name or id.
        overwrite: replace an export that is there.
        engine: carries out the work; the one that ``run`` names if absent.
        watch: told how it goes on.

    Raises:
        InputError: there are no tasks, or something else than an export is where it is to be.
        UsageError: the settings do not fit what is there.
        DatasetError: a record cannot be read, or the export not be written.
        UnbalancedVideoError: an image is gone, or cannot be decoded.
        CvatError: a task is not there, or the server does not answer.
    """
    store, watch = open_dataset(dataset), watch or Watch()
    breaks = breaks or BreakSettings()
    matcher = Matcher(store, breaks)

    def read() -> list[AnnotatedTask]:
        is_named = bool(tasks) or project is not None
        where, ids = choose_tasks(store, server, tasks, project)
        look = functools.partial(read_task, where, matcher, may_be_gone=not is_named)
        return in_threads(look, ids, "tasks", where.stopped, watch)

    asked = Asked(split or SplitSettings(), splits, breaks)
    make = Maker(store, settings or ExportSettings(), asked, run or RunSettings(), engine, watch)
    return make.export(read, Path(output), overwrite=overwrite)


def export_file(
    dataset: str | os.PathLike[str],
    file: Path,
    output: str | os.PathLike[str],
    settings: ExportSettings | None = None,
    run: RunSettings | None = None,
    *,
    split: SplitSettings | None = None,
    splits: Path | None = None,
    breaks: BreakSettings | None = None,
    overwrite: bool = False,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> ExportResult:
    """Make a training set as `export`, of a task or project exported in CVAT's XML 1.1.

    So many parameters, as each is something else that a caller may want; all but three are
    optional.

    Raises:
        UsageError: the file is no such export, or as `export`.
        PrepError: as `export`, but for what is about a server.
    """
    store = open_dataset(dataset)
    breaks = breaks or BreakSettings()
    matcher = Matcher(store, breaks)
    asked = Asked(split or SplitSettings(), splits, breaks)
    run, watch = run or RunSettings(), watch or Watch()
    make = Maker(store, settings or ExportSettings(), asked, run, engine, watch)
    return make.export(lambda: read_export(file, store, matcher), Path(output), overwrite=overwrite)
