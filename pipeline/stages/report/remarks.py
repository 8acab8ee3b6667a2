"""Findings of a report that no video's records hold: what failed, and what is worth a look."""

from collections.abc import Iterable, Sequence

from ...base.words import count
from ...dataset.failed import FailedSource
from ...dataset.frame_table import Reason
from ...dataset.marks import MARKS
from .galleries import Gallery
from .summary import Finding


def tell_failed(failed: Sequence[FailedSource]) -> Iterable[Finding]:
    """Yield that sources are not in the dataset, if any failed when they were last tried."""
    if failed:
        yield Finding(
            "failed",
            True,
            f"{count(len(failed), 'video is', 'videos are')} not in the dataset: nothing could be "
            "extracted",
            "Why, and what to do, stands below, under 'Not in the dataset'.",
            len(failed),
            (),
        )


def tell_worth_a_look(galleries: Sequence[Gallery]) -> Iterable[Finding]:
    """Yield which images are marked, and what was left out as similar; neither is a fault."""
    yield from _marked(galleries)
    yield from _similar(galleries)


def _marked(galleries: Sequence[Gallery]) -> Iterable[Finding]:
    for gallery in galleries:
        if (mark := MARKS.get(gallery.kind)) is not None:
            beyond = f"{mark.measure} {'above' if mark.is_upper else 'below'} {gallery.limit:g}"
            yield Finding(
                gallery.kind,
                False,
                f"{count(gallery.count, 'image is', 'images are')} {gallery.kind}: {beyond}",
                "They are kept. If they are fit for use, or others are not, another limit suits "
                f"your footage: '{mark.setting}' in the section 'validate' of a settings file.",
                gallery.count,
                tuple(gallery.videos),
                (gallery.kind,),
            )


def _similar(galleries: Sequence[Gallery]) -> Iterable[Finding]:
    for gallery in galleries:
        if gallery.kind == Reason.SIMILAR.name.lower():
            yield Finding(
                gallery.kind,
                False,
                f"{count(gallery.count, 'frame')} left out because they look like another one",
                "Something small may have moved between the two. If it matters, 'prep dedupe "
                "--restore' brings them back, and 'prep dedupe --dedupe still' then leaves out "
                "only what is unchanged.",
                gallery.count,
                tuple(gallery.videos),
                (gallery.kind,),
            )
