"""prep annotations."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import ExitCode, UsageError, printable
from ..base.words import count
from ..settings.cvat import CvatSettings
from ..settings.file import load_config
from .console import Answer, Console, cvat_session, verb
from .options import DEFAULT_DATASET, config_option, cvat_options, output_option

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..cvat.session import Session
    from ..stages.upload.annotations import RestoreResult, SavedTask

SAVE, RESTORE = "save", "restore"


@verb("annotations", "tasks")
@click.argument("action", type=click.Choice((SAVE, RESTORE)))
@click.argument("path", type=click.Path(path_type=Path, readable=False), default=DEFAULT_DATASET)
@click.option(
    "--task",
    "tasks",
    type=int,
    multiple=True,
    metavar="ID",
    help="Save this task; repeatable. Or restore into this one instead of the one that was saved.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Restore even where the task has other annotations by now, which are saved first.",
)
@output_option("Save into this folder instead of the dataset.", default=None)
@config_option
@cvat_options
def annotations(
    console: Console,
    action: str,
    path: Path,
    tasks: tuple[int, ...],
    force: bool,
    output: Path | None,
    config_file: str | None,
    auth: str | None,
    **flags: Any,
) -> Answer:
    """Save the annotations of tasks, or put back what was saved.

    'save' writes a file for each task of the dataset PATH (default: dataset). 'restore' puts back
    what the file PATH holds: one of these, one that 'prep upload --replace' has saved of a task
    that it replaced, or the tracks as they were before 'prep audit --retime'. Labels, attributes
    and images are found by their names, so it may be another task by now; what has no frame there
    is named, with exit code 1.
    """
    if action == SAVE and force:
        raise UsageError("--force goes with restore.")
    if action == RESTORE and (output is not None or len(tasks) > 1):
        raise UsageError("restore takes a file and at most one --task, and writes into no folder.")
    settings = load_config(config_file, flags).section(CvatSettings)
    with cvat_session(settings, auth) as session:
        if action == SAVE:
            return _save(session, path, tasks, output)
        return _restore(session, path, tasks, force)


def _save(session: "Session", dataset: Path, tasks: tuple[int, ...], output: Path | None) -> Answer:
    from ..cvat.server import CvatServer
    from ..stages.upload.annotations import save_annotations

    saved = save_annotations(dataset, CvatServer(session), tasks=tasks, output=output)
    return Answer(
        ExitCode.OK,
        lines=tuple(
            f"Task {each.task_id} ({printable(each.task_name)}): {_counts(each)} "
            f"{'saved in' if each.is_new else 'are already in'} {printable(each.file)}."
            for each in saved
        ),
        results=tuple({**vars(each), "file": str(each.file)} for each in saved),
        totals={
            kind: sum(getattr(each, kind) for each in saved)
            for kind in ("tags", "shapes", "tracks")
        },
    )


def _restore(session: "Session", file: Path, tasks: tuple[int, ...], force: bool) -> Answer:
    from ..cvat.annotations import CvatAnnotations
    from ..cvat.server import CvatServer
    from ..dataset.saved_annotations import load
    from ..stages.audit.undo import undo
    from ..stages.upload.annotations import restore_annotations

    if load(file).is_part:
        if tasks or force:
            raise UsageError(
                f"{printable(file)}: it holds some tracks of one task, which go back in the place "
                "of what they are now: leave out --task and --force."
            )
        done = undo(CvatAnnotations(session), file)
        lines = [f"Task {done.task_id}: {count(done.tracks, 'track is', 'tracks are')} as before."]
        if done.undo_file is not None:
            lines.append(f"What was there before is in {printable(done.undo_file)}.")
        return Answer(ExitCode.OK, lines=tuple(lines), totals={"tracks": done.tracks})
    task = tasks[0] if tasks else None
    result = restore_annotations(file, CvatServer(session), task=task, force=force)
    return _restored(file, result)


def _restored(file: Path, result: "RestoreResult") -> Answer:
    saved = result.saved
    totals = {kind: len(ones) for kind, ones in saved.annotations.items()}
    where = ", ".join(map(str, result.task_ids))
    lines = [f"Put back into task {where}, and read back: {_counts(saved)}."]
    lost = sum(each.moved_to is None for each in result.cut.not_moved)
    moved = len(result.cut.not_moved) - lost
    added = result.cut.keyframes_added
    warnings = []
    if added:
        lines.append(
            f"{count(added, 'keyframe')} more, where frames are further apart or closer than "
            "before, so that tracks stay where they were."
        )
    if moved:
        warnings.append(f"{count(moved, 'keyframe')} moved to the nearest frame that is there.")
    if lost:
        warnings.append(
            f"{result.lost} had no frame to go to; {printable(file)} still has what was lost."
        )
    lines += warnings
    lines += [f"What was there before is in {printable(each)}." for each in result.replaced]
    return Answer(
        ExitCode.FINDINGS if result.lost else ExitCode.OK,
        lines=tuple(lines),
        results=tuple({"task_id": task_id} for task_id in result.task_ids),
        totals={**totals, "moved": moved, "added": added, "without_frame": lost},
        warnings=tuple(warnings),
    )


def _counts(saved: "SavedTask | Any") -> str:
    numbers = {
        kind: each if isinstance(each := getattr(saved, f"{kind}s"), int) else len(each)
        for kind in ("track", "shape", "tag")
    }
    return ", ".join(count(number, kind) for kind, number in numbers.items())
