"""Deal the videos of a dataset to sides."""

import hashlib
from collections.abc import Mapping

import numpy as np

from ..base.work import Watch
from ..dataset.records import VideoRecord
from ..dataset.store import Dataset
from ..engines.base import Engine
from ..settings.splits import SIDES, SplitSettings
from .deal import NONE, deal
from .record import SplitRecord, VideoSides
from .sides import Material, Sides, Stretch


def deal_videos(
    store: Dataset,
    material: Mapping[str, Material],
    asked: SplitSettings,
    before: SplitRecord | None,
    engine: Engine,
    watch: Watch,
) -> Sides:
    """Return on which side each of these images stands.

    Args:
        store: the dataset that they are of.
        material: what is to be divided, by the id of the video.
        asked: how; what is not set is as in ``before``.
        before: where videos stand already, see `record.read_record` and `record.fix`.
        engine: looks at the images; `looks.UNITS` is what it needs.
        watch: told how far that is.

    Raises:
        UsageError: ``asked`` differs from how ``before`` was dealt.
        DatasetError: a record or a frame table cannot be read.
    """
    settings = asked.dealt(before.settings if before else None)
    records = {video: store.read_record(video) for video in sorted(material)}
    groups: dict[str, list[str]] = {}
    for video, record in records.items():
        groups.setdefault(record.source.sha256, []).append(video)
    labels = sorted({label for each in material.values() for label in each.labels})
    counts = np.array(
        [
            [
                sum(len(material[video].frames) for video in videos),
                *(sum(len(material[v].labels.get(label, ())) for v in videos) for label in labels),
            ]
            for videos in groups.values()
        ],
        dtype=np.float64,
    )
    known = before.videos if before else {}
    used = list(settings.shares)
    given = np.full(len(groups), NONE, dtype=np.int8)
    for place, videos in enumerate(groups.values()):
        for video in videos:
            side = known[video].side if video in known else None
            if side in used:
                given[place] = used.index(side)
    keys = [hashlib.sha256(f"{settings.seed}:{key}".encode()).digest() for key in groups]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__))
    shares = np.array(list(settings.shares.values()))
    dealt = deal(counts, given, shares, order, settings.seed or 0)
    stretches, videos_now = {}, dict(known)
    for side, videos in zip(dealt.tolist(), groups.values(), strict=True):
        for video in videos:
            number = SIDES.index(used[side])
            stretches[video] = Stretch(
                np.array([0]), np.array([number], np.int8), np.empty(0, np.int64)
            )
            videos_now[video] = VideoSides(used[side], (), _content(records[video]), videos[0])
    return Sides(tuple(used), stretches, SplitRecord(videos_now, settings), (), {})


def _content(record: VideoRecord) -> str:
    sha256, stream = record.source.content
    return sha256 if stream is None else f"{sha256}:{stream}"
