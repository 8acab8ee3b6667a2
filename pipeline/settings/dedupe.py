"""The dedupe methods: what each says of itself, and the settings of them all."""

import dataclasses
from dataclasses import dataclass
from typing import Self

from ..base.errors import UsageError
from .options import option
from .regions import Region, read_region

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class DedupeMethod:
    """What a way of finding duplicates says of itself.

    ``leaves_out`` is its part of the help, which is one sentence. ``settings`` are the names of
    those that it obeys; the choice of images depends on no others. It may take two steps:

    ``drops_still``: first, a picture goes in which no block changed against the last one that
    stayed. ffmpeg does that while it decodes, `pictures.likeness` among images that exist.

    ``thinner``: then, what stayed is compared as a whole, by the class of this place
    (``package.module:Class``), a `pictures.thinner.Thinner`. While extracting, that takes a first
    pass which writes only thumbnails.

    ``looks_across``: whether the second step also finds what is like a picture of another video.
    """

    leaves_out: str
    settings: tuple[str, ...] = ()
    drops_still: bool = False
    thinner: str | None = None
    looks_across: bool = False

    @property
    def compares(self) -> bool:
        """Whether any picture needs to be looked at."""
        return self.drops_still or self.thinner is not None


_STILL = ("hi", "lo", "frac", "max_gap", "ignore")

METHODS = {
    "off": DedupeMethod("or none (off)"),
    "still": DedupeMethod(
        "frames in which nothing changed (still)", settings=_STILL, drops_still=True
    ),
    "similar": DedupeMethod(
        "also frames that look alike as a whole (similar: may lose small movements)",
        settings=(*_STILL, "distance"),
        drops_still=True,
        thinner=f"{_PACKAGE}.pictures.similarity:Similar",
        looks_across=True,
    ),
}
"""All dedupe methods by their names; the first one leaves out nothing."""

_OFF, *_OTHERS = METHODS.values()

FIXED = {"hi": 8.0, "lo": 8.0, "frac": 0.33}
"""The thresholds that can be fixed, and what each is when only another one is."""

_WITH_OTHERS = "If one of hi, lo and frac is set, the others are {}.".format(
    ", ".join(f"{name} {value:g}" for name, value in FIXED.items())
)


@dataclass(frozen=True)
class DedupeSettings:
    """Which frames are left out because they show the same as an earlier one."""

    dedupe: str = option(
        "still",
        f"Leave out {', '.join(method.leaves_out for method in (*_OTHERS, _OFF))}.",
        choices=METHODS,
    )
    hi: float | None = option(
        None,
        "With still: keep a frame if any block of 8x8 pixels changed by more than this many grey "
        f"levels per pixel, instead of measuring the noise of the video. {_WITH_OTHERS}",
        metavar="LEVELS",
        minimum=0,
        maximum=255,
    )
    lo: float | None = option(
        None,
        "With still: also keep a frame if many blocks changed by more than this. Set below hi, it "
        f"keeps slow fades too, but also every frame of a noisy camera. {_WITH_OTHERS}",
        metavar="LEVELS",
        minimum=0,
        maximum=255,
    )
    frac: float | None = option(
        None,
        f"With still: the share of all blocks that counts as many. {_WITH_OTHERS}",
        metavar="SHARE",
        minimum=0,
        maximum=1,
    )
    distance: int = option(
        4,
        "With similar: two frames look alike if their perceptual hashes differ in at most this "
        "many of 64 bits. Those of unrelated pictures differ in about 32.",
        metavar="BITS",
        minimum=0,
        maximum=16,
    )
    max_gap: int | None = option(
        None,
        "Never leave out more than this many frames in a row.",
        metavar="N",
        minimum=1,
        maximum=10**6,
    )
    ignore: tuple[str | Region, ...] = option(
        (),
        "With still: ignore what changes in this region, such as a burnt-in clock or a tree: a box "
        "LEFT,TOP,RIGHT,BOTTOM in pixels (1180,0,1280,40) or shares of the frame (92%,0%,100%,6%), "
        "or a polygon ('10,10 200,10 120,90'). Can be given several times; in a settings file also "
        "for some videos: {videos: 'cam2*', region: '1180,0,1280,40'}.",
        metavar="REGION",
        is_named_if_set=True,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "ignore", tuple(map(read_region, self.ignore)))
        if self.ignore and self.is_fixed:
            fixed = " and ".join(name for name in FIXED if getattr(self, name) is not None)
            raise UsageError(
                f"'ignore' and {fixed} exclude each other: with fixed thresholds the whole picture "
                f"is compared. Leave {fixed} out, and the noise is measured."
            )

    @property
    def regions(self) -> tuple[Region, ...]:
        """What is to be ignored, of all videos; see `for_video`."""
        return tuple(map(read_region, self.ignore))

    def for_video(self, video_id: str, name: str) -> Self:
        """Return these settings with the regions of one video alone, in an order of their own.

        So what a record names, and its digest is made of, changes with nothing that concerns other
        videos.

        Args:
            video_id: its id.
            name: its path under the input folder, with '/' as separator.
        """
        meant = {
            str(region): dataclasses.replace(region, videos=None)
            for region in self.regions
            if region.is_for(video_id, name)
        }
        return dataclasses.replace(self, ignore=tuple(meant[text] for text in sorted(meant)))

    @property
    def method(self) -> DedupeMethod:
        """What the chosen method says of itself."""
        return METHODS[self.dedupe]

    @property
    def is_fixed(self) -> bool:
        """Whether a person has fixed what a change is; else it follows from the noise measured."""
        return any(getattr(self, name) is not None for name in FIXED)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """What is fixed, hi, lo and frac, or goes with it."""
        given = {name: getattr(self, name) for name in FIXED}
        return tuple(FIXED[name] if value is None else value for name, value in given.items())
