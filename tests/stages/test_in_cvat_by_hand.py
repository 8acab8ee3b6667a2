"""What people do in CVAT between two commands, and what prep must leave as it is there."""

import pytest
from helpers.cvat import OUT, Caller, access, annotate, box, label_id, send, shape, task_named
from helpers.cvat_stand_in.state import Job
from helpers.datasets import names
from helpers.handmade import change_fates, film
from video_prep.dataset.frame_table import Fate

STALLED = [0.04 * step for step in [1, 1, 1, 6, 1, 1] * 5]  # 31 frames


@pytest.fixture
def task(stand_in, tmp_path):
    """The task of a camera that stalls, with a car on it that moves as if it did not."""
    film(tmp_path / "ds", "v", STALLED)
    assert send(stand_in, tmp_path / "ds", jobs="one").exit_code == 0
    task = task_named(stand_in, "v")
    annotate(stand_in, task, uneven())
    return task


def uneven():
    return [box(0, 0), box(28, 600), box(29, 600, OUT)]


@pytest.fixture
def ask(prep, stand_in):
    """Run prep on the dataset, and give its JSON."""

    def run(verb, *arguments, code):
        done = prep(verb, "ds", "--json", *arguments, **access(stand_in))
        assert done.code == code, done.out
        return done.json

    return run


def stored(stand_in, kind, number):
    return Caller(stand_in)("GET", f"/api/{kind}s/{number}/annotations/").json


def found(told):
    return [(each["kind"], each["job"]) for each in told["findings"]]


# What is no track that moves


MASK = [1.0, 3.0, 2.0, 5.0, 1.0, 5.0, 6.0, 8.0, 7.0]  # run lengths, then the box
CUBOID = [float(number) for number in range(16)]


def test_masks_and_cuboids_stay_as_they_are(stand_in, task, ask):
    still = [
        {**shape(4, MASK, kind="mask"), "label_id": label_id(stand_in)},
        {**shape(9, CUBOID, kind="cuboid"), "label_id": label_id(stand_in)},
    ]
    parked = [shape(frame, CUBOID, kind="cuboid", outside=frame == 20) for frame in (0, 8, 20)]
    annotate(stand_in, task, parked, uneven(), shapes=still)
    before = stored(stand_in, "task", task.id)
    told = ask("audit", "--retime", "--post", code=1)  # the cuboid crosses breaks
    assert told["totals"]["keyframes_added"] > 2
    after = stored(stand_in, "task", task.id)
    assert (after["shapes"], after["tracks"][0]) == (before["shapes"], before["tracks"][0])
    assert [each["points"] for each in after["shapes"]] == [MASK, CUBOID]
    assert len(after["tracks"][1]["shapes"]) == 3 + told["totals"]["keyframes_added"]


# Jobs


def test_the_jobs_of_a_consensus_are_not_judged_again(stand_in, task, ask, tmp_path):
    call = Caller(stand_in)
    images = {name: (tmp_path / "ds" / "v" / name).read_bytes() for name in names("v", range(31))}
    spec = {"name": "by three", "labels": [{"name": "bus"}], "consensus_replicas": 2}
    number, _ = call.make(images, spec)
    both = stand_in.state.tasks[number]
    job, *replicas = (job for job in stand_in.state.jobs.values() if job.task is both)
    assert [each.type for each in replicas] == ["consensus_replica"] * 2
    bus = label_id(stand_in, "bus")
    tracks = [{"frame": 0, "label_id": bus, "shapes": uneven()}]
    for each in replicas:
        assert call("PUT", f"/api/jobs/{each.id}/annotations/", {"tracks": tracks}).status == 200
    arguments = ("--task", str(number))
    assert ask("audit", *arguments, code=0)["totals"]["tracks"] == 0
    annotate(stand_in, both, uneven(), label="bus")
    before = [stored(stand_in, "job", each.id) for each in replicas]
    told = ask("audit", *arguments, "--post", code=1)
    assert {kind_and_job[1] for kind_and_job in found(told)} == {job.id}
    assert {issue.job for issue in stand_in.state.issues.values()} == {job}
    assert ask("audit", *arguments, "--retime", code=0)["totals"]["tracks_changed"] == 1
    assert [stored(stand_in, "job", each.id) for each in replicas] == before


def test_a_ground_truth_job_that_comes_and_goes(stand_in, task, ask):
    (job,) = stand_in.state.jobs_of(task)
    truth = Job(stand_in.state.new_id("job"), task, 0, 30, type="ground_truth")
    stand_in.state.jobs[truth.id] = truth
    (told,) = ask("status", "--cvat", code=0)["videos"][0]["tasks"]
    assert told["mismatches"] == []
    assert ask("upload", "--cvat", "--jobs", "one", code=0)["tasks"][0]["status"] == "unchanged"
    assert {number for _, number in found(ask("audit", "--post", code=1))} == {job.id}
    assert {issue.job for issue in stand_in.state.issues.values()} == {job}
    del stand_in.state.jobs[truth.id]
    assert ask("status", "--cvat", code=0)["videos"][0]["tasks"] == [told]


def test_jobs_that_were_made_anew(stand_in, task, ask):
    (job,) = stand_in.state.jobs_of(task)
    del stand_in.state.jobs[job.id]
    job.id = stand_in.state.new_id("job")
    stand_in.state.jobs[job.id] = job
    (told,) = ask("status", "--cvat", code=0)["videos"][0]["tasks"]
    assert told["mismatches"] == []
    audited = ask("audit", "--post", code=1)
    assert {number for _, number in found(audited)} == {job.id}
    assert {issue.job for issue in stand_in.state.issues.values()} == {job}
    assert f"/jobs/{job.id}?frame=" in audited["findings"][0]["url"]
    assert ask("audit", "--retime", code=0)["totals"]["tracks_changed"] == 1


# Another project


def test_a_task_in_another_project_is_audited_and_not_replaced(stand_in, task, ask, tmp_path):
    call = Caller(stand_in)
    other = call("POST", "/api/projects", {"name": "other", "labels": [{"name": "lorry"}]}).json
    task.project = stand_in.state.projects[other["id"]]
    for track in (track for job in stand_in.state.jobs_of(task) for track in job.tracks):
        track["label_id"] = label_id(stand_in, "lorry")
    (told,) = ask("status", "--cvat", code=1)["videos"][0]["tasks"]
    assert [each["kind"] for each in told["mismatches"]] == ["task-moved"]
    assert {each["label"] for each in ask("audit", code=1)["findings"]} == {"lorry"}
    change_fates(tmp_path / "ds", "v", [3], Fate.DUPLICATE)
    failed = ask("upload", "--cvat", "--jobs", "one", "--replace", "--force", code=1)
    message = failed["errors"][0]["message"]
    assert "so it was not deleted" in message
    assert "delete it" not in message  # it may be annotated
    assert task_named(stand_in, "v") is task
