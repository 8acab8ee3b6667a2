"""The rules about single keyframes: a shape that is as good as none, or not in the picture."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...base.words import count
from ...settings.cvat import AuditSettings
from ...tracks.extents import Extents
from ...tracks.pieces import Reading
from .fault import Fault


def empty_shapes(
    readings: Sequence[Reading], extents: Extents, settings: AuditSettings
) -> Iterator[Fault]:
    """Find shapes thinner than the limit: a click that was meant to be a drag."""
    least = settings.least_thickness_px
    is_empty = ~extents.is_outside & (extents.thickness < least)
    for first, last in extents.runs(is_empty):
        a, b = int(extents.frames[first]), int(extents.frames[last])
        thinnest = first + int(extents.thickness[first : last + 1].argmin())
        keyframes = count(last - first + 1, "keyframe")
        message = (
            f"On frame {int(extents.frames[thinnest])} the shape is "
            f"{extents.thickness[thinnest]:.2g} px thin, which is as good as none ({keyframes} in "
            "a row). Draw it anew, or end the track with 'outside' there."
        )
        track = readings[int(extents.owners[first])].track
        frames = (a, b, int(extents.frames[thinnest]))
        yield Fault("empty-shape", track, frames, last - first + 1, least, message)


def outside_image(
    readings: Sequence[Reading],
    extents: Extents,
    settings: AuditSettings,
    image_size: tuple[int, int],
) -> Iterator[Fault]:
    """Find shapes that lie outside of the image, or as good as.

    Args:
        readings: the tracks.
        extents: what they measure.
        settings: which share may lie outside.
        image_size: width and height of all images, in pixels.
    """
    boxes = extents.boxes
    # A point has no area: half a pixel around it has.
    low, high = boxes[:, :2] - 0.5, boxes[:, 2:] + 0.5
    inside = np.clip(np.minimum(high, image_size) - np.maximum(low, 0), 0, None)
    shares = 1 - inside.prod(axis=1) / (high - low).prod(axis=1)
    limit = settings.outside_share
    for first, last in extents.runs(~extents.is_outside & (shares > limit)):
        worst = first + int(shares[first : last + 1].argmax())
        a, b, at = (int(extents.frames[place]) for place in (first, last, worst))
        share = 100 * float(shares[worst])
        message = (
            f"{share:.0f} % of the shape of frame {at} lies outside of the image, which is "
            f"{image_size[0]}×{image_size[1]}. Move it to where the object is seen, or end the "
            "track with 'outside' where the object leaves."
        )
        track = readings[int(extents.owners[first])].track
        yield Fault("outside-image", track, (a, b, at), share, 100 * limit, message)
