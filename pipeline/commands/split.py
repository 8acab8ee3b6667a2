"""prep split."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import ExitCode, printable
from ..base.words import count
from ..engines.choice import open_engine
from ..settings.file import load_config
from ..settings.splits import BY, LeakSettings, SplitSettings
from ..settings.stages import RunSettings
from ..splits import UNITS
from .console import Answer, Console, verb
from .options import (
    Option,
    config_option,
    engine_options,
    group_of,
    output_option,
    settings_options,
)

if TYPE_CHECKING:  # the stage loads OpenCV
    from ..stages.split.leaks import Leak, Leakage
    from ..stages.split.result import SplitResult

_SHOWN = 5


_LEFT = "Nothing was written. Run the same command again."


@verb("split", "leaks", first=("output", "split"), left=_LEFT)
@click.argument("folder", type=click.Path(path_type=Path, readable=False))
@output_option(
    "Divide the images anew, and write the same set with new sides into this folder, which must "
    "not be there yet. Without it, FOLDER is only looked at.",
    default=None,
)
@click.option(
    "--images",
    type=click.Choice(("link", "copy")),
    default="link",
    show_default=True,
    help="Images of the output are hard links, which take no room, or copies.",
)
@config_option
@click.option(
    "--splits",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The splits.json of an earlier division: what it names keeps its side, also where there "
    'are more images now. Or sides that you wrote: {"videos": {"walk": "train"}}. Default: that of '
    "FOLDER, if prep divided it before.",
)
@settings_options(SplitSettings, "split")
@click.option(
    "--by",
    cls=Option,
    group=group_of(SplitSettings),
    type=click.Choice(BY),  # run is refused with a reason
    metavar="[recording|video]",
    help="What stays together on one side. Both mean all frames of a video here, as only a dataset "
    "of prep tells chapters of a recording. Near-identical images never part. Default: as before, "
    "and the first time recording.",
)
@settings_options(SplitSettings, "seed")
@settings_options(LeakSettings)
@engine_options
def split(
    console: Console,
    folder: Path,
    output: Path | None,
    images: str,
    splits: Path | None,
    config_file: str | None,
    **flags: Any,
) -> Answer:
    """Tell how leaky a split of a training set is, and split it anew.

    FOLDER holds images with annotations of COCO or YOLO (Ultralytics), or images alone; folders or
    annotation files named train, val and test are its sides. An image of val or test leaks if train
    has one that is near-identical, or a frame next to it of the same video; which frame an image
    is, names such as walk_frame_000012.jpg tell, or COCO's video_id and frame_index. A model has
    seen what leaks, so its results there say nothing.
    """
    config = load_config(config_file, flags)
    run = config.section(RunSettings)
    with open_engine(run, UNITS) as engine, console.watch() as watch:
        from ..stages.split.stage import split as split_stage  # while workers begin

        result = split_stage(
            folder,
            config.section(SplitSettings),
            config.section(LeakSettings),
            run,
            output=output,
            splits=splits,
            images=images,
            engine=engine,
            watch=watch,
        )
    return _answer(result)


def _answer(result: "SplitResult") -> Answer:
    last = result.before if result.output is None else result.after
    totals = {"images": sum(result.images.values())}
    for name, leakage in (("before", result.before), ("after", result.after)):
        if leakage is not None:
            totals[f"leaking_{name}"] = leakage.images
    return Answer(
        exit_code=result.exit_code,
        lines=tuple(_lines(result)),
        results=tuple(dataclasses.asdict(leak) for leak in last.worst) if last else (),
        totals=totals,
        warnings=tuple(notice.message for notice in result.notices),
        more=_more(result),
    )


def _more(result: "SplitResult") -> dict[str, Any]:
    sides = {
        name: [side.to_json() for side in leakage.sides]
        for name, leakage in (("before", result.before), ("after", result.after))
        if leakage is not None
    }
    dealt = None if result.settings is None else dataclasses.asdict(result.settings)
    return {
        "folder": result.path,
        "output": result.output,
        "kind": result.kind,
        "images": result.images,
        **sides,
        "split": dealt,
        "sides": result.summary or {},
    }


def _lines(result: "SplitResult") -> Iterator[str]:
    held = ", ".join(f"{number:,} {side}" for side, number in result.images.items())
    yield f"{result.kind}: {count(sum(result.images.values()), 'image')} ({held})"
    if result.before is not None:
        yield from _leak_lines(result.before)
    for notice in result.notices:
        is_finding = notice.is_finding
        yield click.style(notice.message, fg="yellow" if is_finding else None, dim=not is_finding)
    if result.output is None:
        if result.exit_code is not ExitCode.OK:
            yield "Divide it anew with -o NEW_FOLDER."
        return
    yield ""
    for side, held_there in (result.summary or {}).items():
        yield f"{side}: {count(held_there['images'], 'image')} ({held_there['share']:.1%})"
    if result.after is not None and result.after.images:
        yield from _leak_lines(result.after)
    else:
        yield "Nothing in val and test is near-identical to an image in train, or next to it."
    yield f"Written to {printable(result.output)}"


def _leak_lines(leakage: "Leakage") -> Iterator[str]:
    for side in leakage.sides:
        share = side.leaking / side.images
        told = (
            f"{side.side}: {share:.1%} of {count(side.images, 'image')} leak: {side.twins:,} have "
            f"a near-identical image in train, {side.neighbours:,} a neighbour of the same video"
        )
        if side.timed < side.images:
            told += f" (which frame they are is known of {side.timed:,})"
        yield click.style(told, fg="yellow" if side.leaking else "green")
    twins = [leak for leak in leakage.worst if leak.bits is not None][:_SHOWN]
    neighbours = [leak for leak in leakage.worst if leak.bits is None][:_SHOWN]
    for leak in (*twins, *neighbours):
        relation = "is like" if leak.bits is not None else "is next to"
        yield f"  {printable(leak.image)} {relation} {printable(leak.train_image)} ({_why(leak)})"


def _why(leak: "Leak") -> str:
    if leak.bits is not None:
        return f"{count(leak.bits, 'bit')} of 64 differ"
    if leak.frames is not None:
        return f"{count(leak.frames, 'frame')} apart"
    return f"{leak.seconds:g} s apart"
