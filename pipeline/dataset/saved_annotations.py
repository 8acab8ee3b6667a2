"""Annotations of a CVAT task in a file: by names, so that they can be put back wherever these are.

One format for all that prep saves. It is JSON: what task they are of, the names of its images in
order, and the tags, shapes and tracks as CVAT's API writes them, but for three things. ``label``
has the name of the label, ``attributes`` are values by name, and nothing has an id. ``frame`` is
the place of an image in ``images``, ``job`` that of a job in ``jobs``: what jobs that overlap both
show is there for each of them. Tracks that a file is to put back in place of others keep the ids
that they have on the server, and so does their ``job``.
"""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import DatasetError, UsageError, cause_of, printable
from .files import save_text

KINDS = ("tags", "shapes", "tracks")
MAKE_ROOM = "Make room, or set the rights of the folder, then run the same command again."
_FORMAT, _VERSION = "prep annotations", 1

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SavedAnnotations:
    """Annotations of one task.

    ``host``, ``organization``, ``project`` and ``task`` (ids) say where they were. ``images``: the
    names of its images, in order; ``image_size`` of the first, width and height in pixels;
    ``deleted``: the places of those that were deleted in CVAT; ``jobs``: of the first and last of
    each job. ``is_part``: only some tracks, which take the place of those with their ids; those of
    ``absent`` (job and id) are to be removed then.
    """

    host: str
    organization: str | None
    project: int | None
    task: int
    task_name: str
    images: tuple[str, ...]
    image_size: tuple[int, int] | None
    deleted: tuple[int, ...]
    jobs: tuple[tuple[int, int], ...]
    is_part: bool = False
    absent: tuple[tuple[int, int], ...] = ()
    tags: list[Json]
    shapes: list[Json]
    tracks: list[Json]

    @property
    def annotations(self) -> dict[str, list[Json]]:
        """Tags, shapes and tracks by these words."""
        return {kind: getattr(self, kind) for kind in KINDS}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.tags or self.shapes or self.tracks)

    def to_text(self) -> Iterator[str]:
        """Yield the file, a line for each tag, shape and track."""
        unused = KINDS if self.absent else (*KINDS, "absent")
        fields = (each.name for each in dataclasses.fields(self) if each.name not in unused)
        head = {"format": _FORMAT, "version": _VERSION, **{n: getattr(self, n) for n in fields}}
        yield json.dumps(head)[:-1]
        for kind in KINDS:
            yield f',\n"{kind}": ['
            for place, one in enumerate(getattr(self, kind)):
                yield ",\n" * (place > 0) + json.dumps(one)
            yield "]"
        yield "}\n"


def keep(
    saved: SavedAnnotations,
    folder: Path,
    name: str,
    consequence: str,
    way_out: str = MAKE_ROOM,
) -> tuple[Path, bool]:
    """Save annotations beside what is saved already; return the file, and whether it is new.

    Args:
        saved: the annotations.
        folder: where to.
        name: of the file, without ``.json``; a number is added where it is taken by others.
        consequence: a sentence on what comes of it where they cannot be saved.
        way_out: what to do then, as the command knows it.

    Raises:
        DatasetError: they cannot be saved.
    """
    number = 1
    while True:
        file = folder / f"{name}{f'-{number}' * (number > 1)}.json"
        try:
            if _holds(file, saved):
                return file, False
        except FileNotFoundError:
            save_text(file, saved.to_text(), consequence, way_out)
            return file, True
        except OSError as error:
            raise DatasetError(
                f"{printable(file)}: cannot be read: {cause_of(error)}. {consequence}{way_out}"
            ) from error
        number += 1


def load(file: Path) -> SavedAnnotations:
    """Return the annotations in a file.

    Raises:
        UsageError: it cannot be read, or prep has not written it.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if (data.pop("format"), data.pop("version")) != (_FORMAT, _VERSION):
            raise ValueError
        size = data["image_size"]
        saved = SavedAnnotations(
            **{
                **data,
                "images": tuple(map(str, data["images"])),
                "image_size": None if size is None else (int(size[0]), int(size[1])),
                "deleted": tuple(map(int, data["deleted"])),
                "jobs": tuple((int(first), int(last)) for first, last in data["jobs"]),
                "absent": tuple((int(job), int(one)) for job, one in data.get("absent", ())),
            }
        )
        for kind in KINDS:
            for one in getattr(saved, kind):
                _check(one, kind)
                if not saved.is_part:
                    saved.jobs[int(one["job"])]
    except OSError as error:
        raise UsageError(f"{printable(file)}: cannot be read: {cause_of(error)}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise UsageError(
            f"{printable(file)}: these are no annotations that this prep has saved. Name a file "
            "that 'prep annotations save', 'prep upload --replace' or 'prep audit --retime' has "
            "written."
        ) from error
    return saved


def _check(one: Json, kind: str) -> None:
    """Find out whether a tag, shape or track has what it needs.

    Raises:
        KeyError, TypeError, ValueError: it has not.
    """
    str(one["label"]), int(one["frame"]), dict(one.get("attributes") or {})
    for shape in [one] * (kind == "shapes") + (one["shapes"] if kind == "tracks" else []):
        str(shape["type"]), int(shape["frame"]), list(map(float, shape["points"]))
        dict(shape.get("attributes") or {})
        if kind == "tracks":
            bool(shape["outside"])
    for element in one.get("elements") or ():
        _check(element, kind)


def _holds(file: Path, saved: SavedAnnotations) -> bool:
    """Whether a file has these annotations.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        same = all(opened.read(len(piece)) == piece for piece in map(str.encode, saved.to_text()))
        return same and not opened.read(1)
