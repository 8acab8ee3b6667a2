"""prep doctor."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import ExitCode
from ..base.guard import worst
from ..settings.cvat import CvatSettings
from ..settings.file import load_config
from ..settings.stages import RunSettings
from .console import Answer, Console, verb
from .options import config_option, cvat_options, engine_options, output_option, settings_options

if TYPE_CHECKING:
    from ..doctor.check import Look


@verb("doctor", "findings")
@output_option("Where the dataset would go; the space on its disk is checked.")
@config_option
@settings_options(RunSettings, "ffmpeg", "hwaccel")
@engine_options
@cvat_options
def doctor(
    console: Console, output: Path, config_file: str | None, auth: str | None, **flags: Any
) -> Answer:
    """Try out everything that prep needs, on a tiny clip.

    What is missing or does not work is named, with what to do about it.
    """
    from ..doctor.check import Look
    from ..doctor.diagnosis import diagnose

    config = load_config(config_file, flags)
    checks = diagnose(
        config.section(RunSettings),
        config.section(CvatSettings),
        output,
        auth,
        further=[Look("progress", _progress, ("tqdm",))],
        watch=_watch if console.shows_progress else iter,
    )
    marks = {True: click.style("ok  ", fg="green"), False: click.style("FAIL", fg="red")}
    return Answer(
        exit_code=worst(checks),
        lines=tuple(f"{marks[not c.exit_code]}  {c.name:<8} {c.detail}" for c in checks),
        results=tuple(
            {"name": c.name, "ok": c.exit_code == ExitCode.OK, "detail": c.detail} for c in checks
        ),
        totals={"checks": len(checks), "failed": sum(c.exit_code != ExitCode.OK for c in checks)},
        errors=tuple({"kind": c.name, "message": c.detail} for c in checks if c.exit_code),
    )


def _progress() -> str:
    from .progress import try_bars

    return try_bars()


def _watch(looks: "Collection[Look]") -> "Iterable[Look]":
    try:
        from .progress import watch_looks

        _progress()
    except Exception:  # a check will say so
        return looks
    return watch_looks(looks)
