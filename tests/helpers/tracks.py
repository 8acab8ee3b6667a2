"""Tracks over clocks, and by a plain loop what is wrong with them."""

import itertools
from xml.sax.saxutils import quoteattr

import numpy as np
from video_prep.dataset.breaks import find_breaks
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.settings.cvat import AuditSettings
from video_prep.settings.stages import BreakSettings
from video_prep.stages.audit.rules import audit_tracks
from video_prep.tracks.clock import clock_of
from video_prep.tracks.model import tracks_from_api

from .handmade import video

LABELS = {1: "car", 2: "person", 21: "nose", 22: "foot"}
BREAKS = BreakSettings()
RULES = AuditSettings()


def clock(table, deleted=(), jobs=(), indices=None, notices=()):
    kept = np.flatnonzero(table.fate == Fate.KEPT)
    found = find_breaks(table, notices, BREAKS)
    return clock_of(table, found, BREAKS, kept if indices is None else indices, deleted, jobs)


def steady(count, **given):
    return clock(video(np.arange(count) / 25), **given)


def shape(frame, points, *, outside=False, rotation=0.0, kind="rectangle"):
    return {
        "type": kind,
        "frame": frame,
        "points": list(map(float, points)),
        "outside": outside,
        "occluded": False,
        "rotation": rotation,
        "z_order": 0,
        "attributes": [],
    }


def box(frame, x, **given):
    return shape(frame, [x, 20, x + 50, 80], **given)


def answer(*tracks, label=1):
    """Return an answer of the API with tracks of these shapes."""
    return {
        "tracks": [
            {
                "id": 100 + i,
                "label_id": label,
                "frame": min(s["frame"] for s in shapes),
                "shapes": list(shapes),
                "elements": [],
                "attributes": [],
            }
            for i, shapes in enumerate(tracks)
        ]
    }


def read(*tracks):
    return tracks_from_api(answer(*tracks), LABELS)


def found(tracks, clock, rules=RULES):
    """Return kind, first frame, last frame and size of each finding."""
    return [
        (one.kind, one.first_frame, one.last_frame, round(one.size, 6))
        for one in audit_tracks(tracks, clock, rules)
    ]


def naive_moving(table):
    """The moving clock, frame by frame."""
    times = [float(t) for t in table.time_seconds]
    forward = [b - a for a, b in itertools.pairwise(times) if b > a]
    usual = float(np.median(forward)) if forward else 0.0
    moving, unknown = [0.0], [0]
    for i in range(1, len(times)):
        step = times[i] - times[i - 1]
        is_still = table.fate[i] == Fate.DUPLICATE and table.reason[i] == Reason.STILL
        is_unknown = not step >= 0
        moving.append(moving[-1] + (0.0 if is_still else usual if is_unknown else step))
        unknown.append(unknown[-1] + (is_unknown and not is_still))
    return moving, unknown


def naive_errors(keyframes, indices, table, deleted=()):
    """{(a, b): (error, worst frame)} of boxes [(frame, x, outside)] that move along x."""
    moving, unknown = naive_moving(table)
    alive = [one for one in keyframes if one[0] not in deleted]
    errors = {}
    for (a, xa, outside), (b, xb, _) in itertools.pairwise(alive):
        if outside:
            continue
        worst = (0.0, None)
        ia, ib = indices[a], indices[b]
        if ia >= 0 and ib >= 0 and unknown[ib] == unknown[ia] and moving[ib] > moving[ia]:
            for i in range(a + 1, b):
                if i in deleted or indices[i] < 0:
                    continue
                by_time = (moving[indices[i]] - moving[ia]) / (moving[ib] - moving[ia])
                error = abs((i - a) / (b - a) - by_time) * abs(xb - xa)
                if error > worst[0]:
                    worst = (error, i)
        errors[a, b] = worst
    return errors


def xml_shape(one, kind, *, step=1, start=0, label=None):
    """Write a shape as CVAT does."""
    tag = "box" if kind == "rectangle" else kind
    given = {"label": label} if label else {"frame": one["frame"] * step + start}
    given |= {"keyframe": int(one.get("keyframe", True)), "outside": int(one["outside"])}
    p = [f"{value:.2f}" for value in one["points"]]
    if tag == "box":
        given |= dict(zip(("xtl", "ytl", "xbr", "ybr"), p, strict=True))
    elif tag == "ellipse":
        x, y, right, top = one["points"]
        given |= {"cx": x, "cy": y, "rx": right - x, "ry": y - top}
    elif tag == "cuboid":
        names = "xtl1 ytl1 xbl1 ybl1 xtr1 ytr1 xbr1 ybr1 xtl2 ytl2 xbl2 ybl2 xtr2 ytr2 xbr2 ybr2"
        given |= dict(zip(names.split(), p, strict=True))
    else:
        given["points"] = ";".join(f"{x},{y}" for x, y in zip(p[::2], p[1::2], strict=True))
    if one["rotation"]:
        given["rotation"] = f"{one['rotation']:.2f}"
    written = " ".join(f"{key}={quoteattr(str(value))}" for key, value in given.items())
    return f"<{tag} {written}><attribute name='a'>b</attribute></{tag}>"
