"""Who annotates what: everyone about as much, in a row, and no job is taken away from anybody."""

import itertools

import numpy as np
import pytest
from helpers.cvat import USER, Caller, annotate, box, label_id, send
from helpers.cvat_stand_in import Fault, Kind
from helpers.handmade import write_video
from hypothesis import given, strategies as st
from video_prep.base.errors import CvatRefusedError, UsageError
from video_prep.settings.cvat import UploadSettings
from video_prep.stages.upload.people import Share, deal, people_of, spread

PEOPLE = ("ann", "bob", "eve")


def dealt(jobs, before):
    """Return how many frames each has in the end, and in how many stretches the jobs lie."""
    owners = deal(jobs, before)
    assert len(owners) == len(jobs)
    totals = list(before)
    for job, owner in zip(jobs, owners, strict=True):
        totals[owner] += job.frames
    return totals, len(list(itertools.groupby(owners)))


def footage(seed, count, low=25, high=1000):
    """Jobs of videos as runs between breaks are: some short, some as long as a job may be."""
    random = np.random.default_rng(seed)
    videos = np.sort(random.integers(0, count // 6, count))
    sizes = np.clip(random.lognormal(5.5, 1, count), low, high).astype(int)
    return [Share(f"v{video}", int(size)) for video, size in zip(videos, sizes, strict=True)]


@pytest.mark.parametrize("seed", range(12))
def test_ten_people_and_two_hundred_jobs_differ_by_a_tenth_at_most(seed):
    totals, stretches = dealt(footage(seed, 200), [0] * 10)
    assert max(totals) <= 1.1 * min(totals)
    assert stretches <= 10 + 2 * 12  # a few exchanges, each of two jobs at most


def test_jobs_of_one_size_stay_in_a_row():
    jobs = [Share(f"v{i // 20}", 500) for i in range(200)]
    assert deal(jobs, [0] * 10) == [i // 20 for i in range(200)]


def test_who_has_much_already_gets_less():
    jobs = [Share("v", 10)] * 12
    assert deal(jobs, [60, 0, 0]) == [1] * 6 + [2] * 6
    assert deal(jobs, [20, 50, 20]) == [0] * 5 + [1] * 2 + [2] * 5
    totals, _ = dealt(jobs, [500, 0, 0])
    assert totals == [500, 60, 60]


@given(
    sizes=st.lists(st.integers(1, 1000), max_size=40),
    before=st.lists(st.integers(0, 5000), min_size=1, max_size=7),
)
def test_every_job_goes_to_somebody_and_nobody_could_give_one_away_for_good(sizes, before):
    jobs = [Share("v", size) for size in sizes]
    owners = deal(jobs, before)
    totals = list(before)
    for size, owner in zip(sizes, owners, strict=True):
        totals[owner] += size
    most, least = max(totals), min(totals)
    mine = [size for size, owner in zip(sizes, owners, strict=True) if totals[owner] == most]
    if most > 1.1 * least and totals.count(most) == 1:
        assert all(size >= most - least for size in mine)


def test_the_frames_of_ground_truth_lie_equally_far_apart():
    assert spread(100, 0.05) == [10, 30, 50, 70, 90]
    assert spread(7, 1) == list(range(7))
    assert spread(3, 0.01) == [1]
    assert spread(10, 0.25) == [2, 7]


@pytest.mark.parametrize("names", ["ann,ann", "", "ann,,bob"])
def test_each_person_is_named_once(names):
    with pytest.raises(UsageError, match="must name each user once"):
        people_of(UploadSettings(assignees=names))
    assert people_of(UploadSettings(assignees=" ann, bob ")) == ("ann", "bob")
    assert people_of(UploadSettings()) == ()


# In CVAT


@pytest.fixture
def ds(tmp_path, stand_in):
    for name in PEOPLE:
        stand_in.accounts.add_user(name, "x")
    write_video(tmp_path / "ds", "a", 12)
    write_video(tmp_path / "ds", "b", 8)
    return tmp_path / "ds"


CUT = {"jobs": "size", "job_size": 2}


def owners(stand_in):
    """Return whose each job is, by the first frame of each in its task."""
    jobs = Caller(stand_in)("GET", "/api/jobs?page_size=100").json["results"]
    tasks = {task.id: task.name for task in stand_in.state.tasks.values()}
    return {
        (tasks[job["task_id"]], job["start_frame"]): (job["assignee"] or {}).get("username")
        for job in jobs
        if job["type"] == "annotation"
    }


def test_jobs_are_dealt_out_once(stand_in, ds):
    done = send(stand_in, ds, assignees="ann,bob", **CUT)
    a, b = (dict.fromkeys(range(0, frames, 2)) for frames in (12, 8))
    assert owners(stand_in) == {
        **{("a", frame): "ann" if frame < 10 else "bob" for frame in a},
        **{("b", frame): "bob" for frame in b},
    }
    assert [(load.name, load.jobs, load.frames, load.videos) for load in done.loads] == [
        ("ann", 5, 10, 1), ("bob", 5, 10, 2)
    ]  # fmt: skip
    begun = len(stand_in.requests)
    again = send(stand_in, ds, assignees="bob,eve", **CUT)
    assert not [r for r in stand_in.requests[begun:] if r.method == "PATCH"]
    assert [(load.name, load.frames) for load in again.loads] == [("bob", 10), ("eve", 0)]
    assert again.warnings == ("no job was left for eve: each has somebody else already.",)
    assert not any("no job was left" in each for each in done.warnings)


def test_what_somebody_has_stays_theirs_and_new_videos_even_out(stand_in, ds):
    send(stand_in, ds, **CUT)
    jobs = {(job.task.name, job.start_frame): job for job in stand_in.state.jobs.values()}
    eve = next(user for user in stand_in.state.users.values() if user.username == "eve")
    for frame in (0, 2, 4):
        jobs["a", frame].assignee = eve
    bob = next(user for user in stand_in.state.users.values() if user.username == "bob")
    jobs["a", 6].assignee = bob
    done = send(stand_in, ds, assignees="ann,eve", **CUT)
    assert {load.name: load.frames for load in done.loads} == {"ann": 10, "eve": 8}
    now = owners(stand_in)
    assert [now["a", frame] for frame in (0, 2, 4, 6)] == ["eve", "eve", "eve", "bob"]
    write_video(ds, "c", 10)
    done = send(stand_in, ds, assignees="ann,eve", **CUT)
    assert {load.name: load.frames for load in done.loads} == {"ann": 14, "eve": 14}
    assert {**owners(stand_in), **now} == owners(stand_in)


def test_dealing_that_was_cut_off_is_finished(stand_in, ds):
    is_deal = lambda r: r.method == "PATCH" and "/jobs/" in r.path  # noqa: E731
    stand_in.faults.add(Fault(Kind.CUT_REQUEST, match=lambda r: is_deal(r) and _third()))
    counted = itertools.count(1)

    def _third():
        return next(counted) == 3

    with pytest.raises(Exception, match="running again goes on with the jobs"):
        send(stand_in, ds, assignees="ann,bob", **CUT)
    first = {job: owner for job, owner in owners(stand_in).items() if owner}
    assert len(first) == 2
    done = send(stand_in, ds, assignees="ann,bob", **CUT)
    assert {load.frames for load in done.loads} == {10}
    assert owners(stand_in) == {**owners(stand_in), **first}


def test_people_that_are_not_there_are_told_before_anything_is_sent(stand_in, ds):
    with pytest.raises(CvatRefusedError, match="assignee 'max': there is no such user"):
        send(stand_in, ds, assignees="ann,max", **CUT)
    assert (stand_in.state.projects, stand_in.state.tasks) == ({}, {})


def test_the_plan_shows_what_each_person_is_to_have(stand_in, ds, prep):
    arguments = ("upload", ds, "--jobs", "size", "--job-size", "2", "--assignees", "ann,bob,eve")
    shown = prep(*arguments, "--dry-run").out.splitlines()
    assert [line.split() for line in shown[-3:]] == [
        ["ann", "3", "jobs", "6", "frames", "1", "video"],
        ["bob", "4", "jobs", "8", "frames", "2", "videos"],
        ["eve", "3", "jobs", "6", "frames", "1", "video"],
    ]
    planned = prep(*arguments, "--dry-run", "--json").json
    done = prep(*arguments, "--cvat", CVAT_HOST=stand_in.url, **USER)
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()[-3:]] == [
        line.split() for line in shown[-3:]
    ]
    assert owners(stand_in) == {
        (task["name"], job[0]): owner
        for task in planned["tasks"]
        for job, owner in zip(task["jobs"], task["assignees"], strict=True)
    }


def test_a_plan_in_frames_says_that_it_is_no_plan_in_boxes(ds, prep):
    arguments = ("upload", ds, "--assignees", "ann,bob", "--load")
    told = "only the upload itself asks for, so the jobs may be dealt out otherwise then."
    assert told in " ".join(prep(*arguments, "boxes").out.split())
    assert any(told in each for each in prep(*arguments, "boxes", "--json").json["warnings"])
    assert told not in " ".join(prep(*arguments, "frames").out.split())


def test_boxes_that_are_there_may_be_the_load(stand_in, ds):
    send(stand_in, ds, labels=[{"name": "car"}], **CUT)
    (a, b) = stand_in.state.tasks.values()
    # In a: one box from frame 0 on, a second in frames 2 and 3, so jobs show 2, 4, 2, 2, 2, 2.
    annotate(stand_in, a, [box(0, 5)], [box(2, 9), box(4, 9, True)])
    still = {**box(7, 3), "label_id": label_id(stand_in), "group": 0, "attributes": []}
    annotate(stand_in, b, [box(6, 5)], shapes=[still])  # 0, 0, 0, 3
    done = send(stand_in, ds, assignees="ann,bob", load="boxes", **CUT)
    assert [(load.name, load.boxes, load.frames) for load in done.loads] == [
        ("ann", 8, 6), ("bob", 9, 14)
    ]  # fmt: skip


def test_a_task_gets_one_ground_truth_job_and_is_proven_as_before(stand_in, ds):
    send(stand_in, ds, ground_truth=0.25, **CUT)
    send(stand_in, ds, ground_truth=0.25, assignees="ann", **CUT)
    made = [job for job in stand_in.state.jobs.values() if job.type == "ground_truth"]
    assert [(job.task.name, job.chosen) for job in made] == [("a", [2, 6, 10]), ("b", [2, 6])]
    assert {job.assignee for job in made} == {None}
    assert set(owners(stand_in).values()) == {"ann"}


def test_a_ground_truth_job_of_another_size_stays_and_is_told(stand_in, ds):
    send(stand_in, ds, ground_truth=0.25, **CUT)
    a, b = [job for job in stand_in.state.jobs.values() if job.type == "ground_truth"]
    again = send(stand_in, ds, ground_truth=0.5, **CUT)
    for each, (job, told) in zip(
        again.warnings, [(a, "3 of its 12 frames"), (b, "2 of its 8 frames")], strict=True
    ):
        assert f"has a ground-truth job of {told} already (job {job.id})" in each
        assert f"so none of {len(job.task.data.frames) // 2} was made" in each
    assert [(job.task.name, job.chosen) for job in (a, b)] == [("a", [2, 6, 10]), ("b", [2, 6])]
    Caller(stand_in)("DELETE", f"/api/jobs/{a.id}")  # the way out
    (told,) = send(stand_in, ds, ground_truth=0.5, **CUT).warnings
    assert "'b'" in told
    made = [job for job in stand_in.state.jobs.values() if job.task is a.task and job.chosen]
    assert [job.chosen for job in made] == [[1, 3, 5, 7, 9, 11]]


def test_a_server_without_ground_truth_jobs_says_so(stand_in, ds):
    is_made = lambda r: (r.method, r.path) == ("POST", "/api/jobs")  # noqa: E731
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_made, status=405))
    with pytest.raises(CvatRefusedError, match=r"405.*The tasks themselves are there"):
        send(stand_in, ds, ground_truth=0.1, **CUT)
