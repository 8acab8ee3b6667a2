"""prep remove."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..base.errors import printable
from .console import Answer, Console, verb
from .options import output_option

if TYPE_CHECKING:  # it loads libraries that --help can do without
    from ..stages.remove import RemovedVideo, RemoveResult

_WIDEST_NAME = 40


@verb("remove", "videos")
@click.argument("videos", nargs=-1, required=True, metavar="ID...")
@output_option("Dataset to remove them from.", name="--dataset")
@click.option(
    "--force",
    is_flag=True,
    help="Also where the images could not be made again, or something depends on them.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed; change nothing.")
def remove(
    console: Console, videos: tuple[str, ...], dataset: Path, force: bool, dry_run: bool
) -> Answer:
    """Take videos out of a dataset: images, frame table and record.

    ID is the name of a video's folder, as 'prep status' shows it. The source stays where it is, and
    a task in CVAT stays as it is. What nothing could bring back is removed with --force alone.
    """
    from ..stages.remove import remove as remove_stage

    result = remove_stage(dataset, videos, force=force, dry_run=dry_run)
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result)),
        results=tuple(
            {"status": "planned" if result.is_dry_run else "removed", **dataclasses.asdict(video)}
            for video in result.videos
        ),
        totals={
            "videos": len(result.videos),
            "images": sum(video.images for video in result.videos),
            "size_bytes": sum(video.size_bytes for video in result.videos),
        },
        warnings=tuple(
            f"{printable(video.id)}: {text}" for video in result.videos for text in _tasks(video)
        ),
    )


def _lines(result: "RemoveResult") -> Iterable[str]:
    status = "planned" if result.is_dry_run else "removed"
    width = min(max(len(printable(video.id)) for video in result.videos), _WIDEST_NAME)
    for video in result.videos:
        yield (
            f"{click.style(status, fg='green')}  {printable(video.id):<{width}} "
            f"{video.images:>9,} images  {video.size_bytes / 1e6:,.1f} MB"
        )
        yield from (click.style(f"         {text}", fg="yellow") for text in _tasks(video))
    if not result.is_dry_run:
        yield "A report of the dataset still shows them; 'prep report' makes a new one."


def _tasks(video: "RemovedVideo") -> Iterable[str]:
    for task in video.tasks:
        if task.is_complete:
            yield (
                f"its task stays in CVAT, with all that was annotated: {printable(task.url)}. "
                "Delete it there if nobody needs it."
            )
        else:
            yield (
                "its upload was cut off; the next 'prep upload --cvat' deletes what it left in "
                f"CVAT: {printable(task.url)}."
            )
