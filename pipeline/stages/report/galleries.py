"""The galleries of a report: of all that the videos have to judge, the worst, with pictures."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...dataset.marks import MARKS
from ...settings.stages import BreakSettings, ValidateSettings
from .exhibits import KINDS, Exhibit, Picture, Share

_EXHIBITS = 500
"""So many in all galleries together, at most."""

Shares = Mapping[str, Mapping[str, Share]]
"""What there is to judge: by the id of the video, by kind."""


@dataclass(frozen=True)
class Part:
    """How much of a gallery a video has; see `exhibits.Share`."""

    count: int
    places: int
    without_image: int


@dataclass(frozen=True)
class Gallery:
    """All of one kind that a person should judge: breaks, marked images, or duplicates.

    ``exhibits`` are those that are shown, the worst first; the other numbers count all there are.
    Of what was measured, what lies beyond ``limit`` is here, above it if ``is_upper``; all three
    are ``None`` where there is no limit.
    """

    kind: str
    measure: str | None
    limit: float | None
    is_upper: bool | None
    count: int
    places: int
    without_image: int
    videos: dict[str, Part]
    exhibits: tuple[Exhibit, ...]


def choose(shares: Shares) -> list[Exhibit]:
    """Return which exhibits deserve a picture; those that do most come first.

    The kinds take turns; within a kind, first comes the worst of each video, the worst of all
    before the others, then the second of each.
    """
    of_kinds = []
    for kind in KINDS:
        ranked = [
            (rank, exhibit)
            for of_video in shares.values()
            if kind in of_video
            for rank, exhibit in enumerate(of_video[kind].exhibits)
        ]
        ranked.sort(key=lambda each: (each[0], -each[1].badness))
        of_kinds.append([exhibit for _, exhibit in ranked])
    turns = itertools.zip_longest(*of_kinds)
    return [each for turn in turns for each in turn if each is not None][:_EXHIBITS]


def images_of(chosen: Iterable[Exhibit]) -> dict[str, dict[int, str]]:
    """Return the images that exhibits show: names of files by frame, by the id of their video."""
    images: dict[str, dict[int, str]] = {}
    for exhibit in chosen:
        for picture in exhibit.pictures:
            if picture.file is not None:
                images.setdefault(picture.video, {})[picture.frame] = picture.file
    return images


def hang(
    chosen: Sequence[Exhibit], drawn: Mapping[Picture, str], most_bytes: int
) -> tuple[list[Exhibit], dict[Picture, str]]:
    """Return those exhibits whose pictures find room, and the pictures.

    Args:
        chosen: what `choose` returned.
        drawn: the small pictures, as data URIs.
        most_bytes: how much room there is.
    """
    hung: list[Exhibit] = []
    shown: dict[Picture, str] = {}
    for exhibit in chosen:
        new = {p: drawn[p] for p in exhibit.pictures if p in drawn and p not in shown}
        most_bytes -= sum(map(len, new.values()))
        if most_bytes < 0:
            break
        shown |= new
        hung.append(exhibit)
    return hung, shown


def open_galleries(
    shares: Shares, hung: Sequence[Exhibit], breaks: BreakSettings, validate: ValidateSettings
) -> tuple[Gallery, ...]:
    """Return a gallery of each kind that there is.

    Args:
        shares: all there is to judge.
        hung: what is shown of it.
        breaks: from where on a cut is suspected.
        validate: from where on an image is marked.
    """
    limits: dict[str, tuple[str, float, bool]] = {
        "cut": ("cut score", breaks.cut_score, True),
        **{name: (m.measure, m.limit(validate), m.is_upper) for name, m in MARKS.items()},
    }
    galleries = []
    for kind in KINDS:
        of_kind = {id_: of_video[kind] for id_, of_video in shares.items() if kind in of_video}
        if not of_kind:
            continue
        measure, limit, is_upper = limits.get(kind, (None, None, None))
        exhibits = [exhibit for exhibit in hung if exhibit.kind == kind]
        galleries.append(
            Gallery(
                kind=kind,
                measure=measure,
                limit=limit,
                is_upper=is_upper,
                count=sum(share.count for share in of_kind.values()),
                places=sum(share.places for share in of_kind.values()),
                without_image=sum(share.without_image for share in of_kind.values()),
                videos={
                    id_: Part(share.count, share.places, share.without_image)
                    for id_, share in of_kind.items()
                },
                exhibits=tuple(sorted(exhibits, key=lambda exhibit: -exhibit.badness)),
            )
        )
    return tuple(galleries)
