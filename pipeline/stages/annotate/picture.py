"""The boxes of a video in pixels of its images, without those that lie outside of these."""

import dataclasses

import numpy as np

from ...base.words import count
from ...dataset.box_table import BoxTable
from ...dataset.records import VideoRecord


def in_picture(boxes: BoxTable, record: VideoRecord, pixels: str) -> BoxTable:
    """Return boxes in pixels of the images; those that lie wholly outside are left out.

    One that reaches beyond the border stays as it is, as in CVAT, which clips none: its path would
    bend where it crosses the border.

    Args:
        boxes: of the video.
        record: of the video.
        pixels: which those of the boxes are: of the 'video', or of its 'images'.
    """
    width, height = record.image_width, record.image_height
    if width is None or height is None:
        return boxes
    corners = boxes.corners
    if pixels == "video" and record.frame_size is not None:
        corners = corners * (np.array([width, height] * 2) / np.array([*record.frame_size] * 2))
    is_inside = np.all((corners[:, 2:] > 0) & (corners[:, :2] < (width, height)), axis=1)
    outside = int((~is_inside).sum())
    told = (
        f"{count(outside, 'box', 'boxes')} wholly outside of the picture of {width}×{height} "
        "pixels (see --pixels if that is not so)"
    )
    return dataclasses.replace(boxes, corners=corners).taken(
        is_inside, left_out=(told,) * (outside > 0)
    )
