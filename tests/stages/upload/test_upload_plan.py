"""The plan of an upload: names that are made when asked for, and breaks that a job leaves open."""

from collections import Counter

import numpy as np
import pytest
from helpers.handmade import PROBE, table, write_video
from hypothesis import given, strategies as st
from video_prep.annotated.match import Matcher
from video_prep.cvat.annotations import TaskFrames
from video_prep.dataset.accounts import recount
from video_prep.dataset.breaks import find_breaks
from video_prep.dataset.frame_table import Fate
from video_prep.dataset.records import Counts, SourceIdentity, VideoRecord
from video_prep.dataset.store import Dataset
from video_prep.settings.cvat import UploadSettings
from video_prep.settings.stages import BreakSettings
from video_prep.stages.report.stage import report
from video_prep.stages.upload.plan import plan_video
from video_prep.stages.upload.videos import plan_dataset

BREAKS = BreakSettings()
SETTINGS = st.builds(
    lambda jobs, job_size, overlap, shortest_job, task_size: UploadSettings(
        jobs=jobs,
        job_size=job_size,
        overlap=min(overlap, job_size // 2) if jobs == "size" else 0,
        shortest_job=shortest_job,
        task_size=task_size,
    ),
    st.sampled_from(("runs", "size", "one")),
    st.integers(1, 12),
    st.integers(0, 6),
    st.integers(1, 5),
    st.integers(1, 30),
)
FRAMES = st.lists(st.tuples(st.sampled_from(list(Fate)), st.booleans()), min_size=1, max_size=60)


def record_of(frames):
    """Return the record of a video with these frames."""
    return VideoRecord(
        id="v",
        source=SourceIdentity("v.mp4", "/data/v.mp4", 1, 1, ""),
        settings_digest="",
        settings={"digits": 6, "format": "jpg"},
        ffmpeg_version="7.1",
        probe=PROBE,
        rotation_degrees=None,
        image_width=48,
        image_height=32,
        counts=recount(Counts(None, len(frames), 0, 0, 0, 0, 0, 0), frames),
        breaks=(),
        warnings=(),
    )


@given(rows=FRAMES, settings=SETTINGS)
def test_every_break_inside_a_job_is_told_and_no_other(rows, settings):
    frames = table([fate for fate, _ in rows], scores=[99 * is_cut for _, is_cut in rows])
    parts = plan_video(record_of(frames), frames, settings, BREAKS)
    enders = [b for b in find_breaks(frames, (), BREAKS) if b.kind in BREAKS.run_enders]
    for part in parts:
        held = [part.frames[first : last + 1].tolist() for first, last in part.expected_jobs]
        assert list(part.open_breaks) == [
            each for each in enders if any(each.after in job and each.before in job for job in held)
        ]
    planned = [index for part in parts for index in part.frames.tolist()]
    assert planned == np.flatnonzero(frames.fate == Fate.KEPT).tolist()


@given(rows=FRAMES, settings=SETTINGS)
def test_jobs_hold_every_frame_and_end_with_the_runs(rows, settings):
    frames = table([fate for fate, _ in rows], scores=[99 * is_cut for _, is_cut in rows])
    for part in plan_video(record_of(frames), frames, settings, BREAKS):
        jobs = part.expected_jobs
        assert {n for a, b in jobs for n in range(a, b + 1)} == set(range(len(part.frames)))
        if settings.jobs == "runs" and settings.shortest_job == 1:
            assert part.open_breaks == ()


def test_names_are_those_of_the_frames():
    frames = table([Fate.KEPT, Fate.DUPLICATE] * 10)
    record = record_of(frames)
    (part,) = plan_video(record, frames, UploadSettings(), BREAKS)
    names = record.images.names(part.frames)
    assert (tuple(part.names), len(part.names)) == (names, 10)
    assert (part.names[3], part.names[-1], part.names[2:5]) == (names[3], names[-1], [*names[2:5]])
    assert names[4] in part.names


@pytest.mark.parametrize(
    ("settings", "breaks", "runs"),
    [
        (BreakSettings(), 3, 3),
        (BreakSettings(step_factor=1000, cut_score=100), 1, 1),
        (BreakSettings(ends_run="timeline,still"), 3, 4),
        (BreakSettings(ends_run="cut"), 3, 1),
    ],
)
def test_record_report_upload_and_audit_agree_on_breaks(tmp_path, settings, breaks, runs):
    """Two jumps of the clock and a still stretch; the record is by the default settings."""
    write_video(tmp_path / "ds", "v", 30, cut=(5, 12), still=(20, 21))
    store = Dataset(tmp_path / "ds")
    (video,) = report(store.path, breaks=settings).videos
    (part,) = plan_dataset(store, UploadSettings(shortest_job=1), settings).parts
    shown = TaskFrames(1, "v", len(part.names), False, part.server_names, 0, 1, ())
    crossed = Matcher(store, settings).match(shown, ()).clock.breaks
    assert (video.breaks.total, video.runs.total) == (breaks, runs)
    assert len(part.jobs) == runs
    assert len(crossed) == runs - 1
    starts = [int(part.frames[first]) for first, _ in part.jobs]
    assert [row["first"] for row in video.runs.rows] == starts
    assert [each.before for each in crossed] == starts[1:]
    if settings == BreakSettings():
        recorded = Counter(each.kind for each in store.read_record("v").breaks)
        assert video.break_kinds == recorded == {"timeline": 2, "still": 1}


@pytest.mark.parametrize(
    ("run_ends", "expected"),
    [
        (4, [(0, 4), (5, 14), (15, 19)]),  # five of ten frames are half a task
        (3, [(0, 9), (10, 19)]),
        (9, [(0, 9), (10, 19)]),
    ],
)
def test_a_task_that_is_cut_at_a_break_is_at_least_half_full(run_ends, expected):
    frames = table([Fate.KEPT] * 20, scores=[99 * (n == run_ends + 1) for n in range(20)])
    parts = plan_video(record_of(frames), frames, UploadSettings(task_size=10), BREAKS)
    assert [(part.frames[0], part.frames[-1]) for part in parts] == expected
