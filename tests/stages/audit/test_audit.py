"""Audit: what is planted in tasks of a server is found, told once, and nothing else."""

import json
import re
from dataclasses import dataclass, field

import numpy as np
import pytest
from helpers.cvat import (
    LABELS,
    OUT,
    SKELETON,
    Caller,
    access,
    annotate,
    boxes,
    delete_frames,
    export,
    label_id,
    send,
    shape,
    task_named,
    told,
)
from helpers.cvat_stand_in import Fault, Kind
from helpers.datasets import names
from helpers.handmade import STEADY, WIDE, film, picture
from helpers.tracks import naive_errors
from video_prep.base.errors import CvatError, CvatUncertainError, ExitCode, InputError, UsageError
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.stages.audit.post import post_task
from video_prep.stages.audit.stage import audit, audit_export
from video_prep.tracks.audit_record import AuditedTask, read_audit
from video_prep.tracks.statistics import TrackCounts


def job_of(stand_in, task, frame):
    """The job that shows a frame; of two that overlap, the later."""
    return [
        job.id for job in stand_in.state.jobs_of(task) if job.start_frame <= frame <= job.stop_frame
    ][-1]


# Planted datasets


@dataclass
class Plant:
    """A video, its upload, one track of boxes [(frame, x, outside)], and what is wrong with it.

    ``uneven``: the spans whose error the plain loop of the tests computes.
    """

    keyframes: list
    steps: list = field(default_factory=lambda: STEADY)
    gone: dict = field(default_factory=dict)
    scores: dict = field(default_factory=dict)
    deleted: tuple = ()
    upload: dict = field(default_factory=lambda: {"jobs": "one"})
    others: list = field(default_factory=list)
    uneven: tuple = ()


HALTING = [0.04] * 5 + [0.055] * 5 + [0.04] * 19  # no step is a break
HOLE = [0.04] * 9 + [3.0] + [0.04] * 19
ENDED = [(0, 0, False), (10, 300, False), (20, 300, OUT)]
ACROSS = [(0, 0, False), (20, 400, False), (25, 400, OUT)]
OVERLAP = {"jobs": "size", "job_size": 10, "overlap": 2}
REJECTED = dict.fromkeys(range(4, 10), (Fate.REJECTED, Reason.TRUNCATED))
STILL = dict.fromkeys(range(4, 10), (Fate.DUPLICATE, Reason.STILL))

PLANTS = {
    "clean": Plant(ENDED),
    "clean, with overlap": Plant(ACROSS, upload=OVERLAP),
    "clean, sampled": Plant(
        ENDED, [0.04] * 149, {i: (Fate.SAMPLED_OUT, Reason.NONE) for i in range(150) if i % 5}
    ),
    "clean, still": Plant([(0, 0, False), (10, 300, False), (20, 300, OUT)], gone=STILL),
    "vfr": Plant(ENDED, HALTING, uneven=((0, 10),)),
    "vfr, sampled": Plant(
        ENDED,
        list(np.repeat(HALTING, 5)) + [0.04] * 5,
        {i: (Fate.SAMPLED_OUT, Reason.NONE) for i in range(151) if i % 5},
        uneven=((0, 10),),
    ),
    "vfr, with overlap": Plant(ACROSS, HALTING, upload=OVERLAP, uneven=((0, 20),)),
    "rejected": Plant(
        [(0, 0, False), (10, 160, False), (20, 160, OUT)],
        gone=REJECTED,
        uneven=((0, 10),),
    ),
    "a hole": Plant(
        ACROSS, HOLE, others=[("crosses-break", 0, 20, 400)]
    ),
    "a hole inside a job of two runs": Plant(
        ACROSS, HOLE, upload={}, others=[("crosses-break", 0, 20, 400)]
    ),
    "a hole between two keyframes": Plant([(0, 0, False), (9, 90, False), (10, 400, False),
        (20, 500, OUT)], HOLE),
    "a hole between two jobs": Plant(ACROSS, HOLE, upload={"shortest_job": 3}),
    "never ends behind a border": Plant(
        ACROSS[:2], HOLE, upload={"shortest_job": 3}, others=[("never-ends", 20, 29, 9)]
    ),
    "a cut": Plant(ENDED, scores={6: 60}, others=[("crosses-break", 0, 10, 300)]),
    "a deleted keyframe": Plant(
        [(0, 0, False), (10, 300, False), (20, 600, False), (25, 600, OUT)],
        deleted=(3, 10),
        others=[("deleted-keyframe", 10, 10, 1)],
    ),
    "a deleted end": Plant(
        ENDED, deleted=(20,), others=[("never-ends", 10, 29, 18), ("deleted-keyframe", 20, 20, 1)]
    ),
    "never ends": Plant(ENDED[:2], others=[("never-ends", 10, 29, 19)]),
    "never ends, with overlap": Plant(
        ENDED[:2], upload=OVERLAP, others=[("never-ends", 10, 29, 19)]
    ),
    "a single keyframe": Plant([(5, 40, False)], others=[("single-keyframe", 5, 29, 24)]),
    "a long span": Plant(
        [(0, 0, False), (220, 440, False), (225, 440, OUT)],
        [0.04] * 229,
        others=[("long-span", 0, 220, 219)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTS)
def test_exactly_what_was_planted_is_found(stand_in, server, tmp_path, name):
    plant = PLANTS[name]
    table = film(tmp_path / "ds", "v", plant.steps, gone=plant.gone, scores=plant.scores)
    film(tmp_path / "ds", "clean")
    assert send(stand_in, tmp_path / "ds", **plant.upload).exit_code == 0
    task = task_named(stand_in, "v")
    annotate(stand_in, task, boxes(*plant.keyframes))
    if plant.deleted:
        delete_frames(stand_in, task, *plant.deleted)
    annotate(stand_in, task_named(stand_in, "clean"), boxes(*ENDED))
    result = audit(tmp_path / "ds", server)
    kept = np.flatnonzero(table.fate == Fate.KEPT)
    errors = naive_errors(plant.keyframes, kept, table, plant.deleted)
    expected = [
        *(("uneven-time", *span, errors[span][0]) for span in plant.uneven),
        *plant.others,
    ]
    found = [(f.kind, f.first_frame, f.last_frame, f.size) for f in map(finding, result.findings)]
    assert found == [(*each[:3], pytest.approx(each[3], abs=1e-6)) for each in expected]
    assert all(size > 2 for kind, _, _, size in found if kind == "uneven-time")
    for placed in result.findings:
        worst = placed.finding.worst_frame
        if placed.finding.kind in {"uneven-time"}:
            assert worst == errors[placed.finding.first_frame, placed.finding.last_frame][1]
        job = job_of(stand_in, task, worst)
        assert (placed.task_id, placed.job_id) == (task.id, job)
        assert placed.url == f"{stand_in.url}/tasks/{task.id}/jobs/{job}?frame={worst}"
        assert placed.finding.label == "car"
    assert result.exit_code == (ExitCode.FINDINGS if expected else ExitCode.OK)
    assert [each.note for each in result.tasks] == [None, None]


def finding(placed):
    return placed.finding


# The command


@pytest.fixture
def planted(stand_in, tmp_path):
    """Two videos: in ``a`` a track that never ends, and one over an uneven clock; ``b`` is fine."""
    film(tmp_path / "ds", "a", HALTING)
    film(tmp_path / "ds", "b")
    send(stand_in, tmp_path / "ds", jobs="size", job_size=12, project="cars")
    one, other = (task_named(stand_in, name) for name in "ab")
    annotate(
        stand_in,
        one,
        boxes((0, 0, False), (10, 300, False), (11, 300, OUT)),
        boxes((25, 40, False), (26, 42, False)),
    )
    annotate(stand_in, other, boxes((0, 0, False), (10, 300, False), (11, 300, OUT)))
    return tmp_path / "ds"


OFF = abs(0.5 - 0.2 / 0.475) * 300


def test_the_command_tells_findings_as_text_and_json(prep, stand_in, planted):
    done = prep("audit", planted, **access(stand_in))
    assert (done.code, done.err) == (1, "")
    task = task_named(stand_in, "a")
    where = f"{stand_in.url}/tasks/{task.id}/jobs/{job_of(stand_in, task, 5)}?frame=5"
    assert f"{OFF:.1f} px" in done.out
    assert where in done.out
    assert "    2 findings  a: 2 tracks" in done.out
    assert "    0 findings  b: 1 track," in done.out
    done = prep("audit", planted, "--json", **access(stand_in))
    assert done.code == 1
    told = done.json
    assert next((e["kind"], e["task"], e["url"]) for e in told["findings"]) == (
        "uneven-time", task.id, where
    )  # fmt: skip
    assert set(told["findings"][0]) == {
        "kind", "track_number", "track_id", "parent_id", "label", "element", "first_frame",
        "last_frame", "worst_frame", "size", "seconds", "video_first", "video_last",
        "break_kinds", "message", "not_mended", "task", "job", "url", "unit", "limit",
        "other_number", "other_id", "apart_frames",
    }  # fmt: skip
    assert told["totals"] == {
        "tasks": 2, "tracks": 3, "findings": 2, "issues_posted": 0, "issues_known": 0,
        "pairs_joined": 0, "keyframes_added": 0, "tracks_changed": 0,
    }  # fmt: skip
    written = json.loads((planted / "audit.json").read_text())
    assert written["findings"] == told["findings"]
    one, other = read_audit(planted / "audit.json").tasks
    assert one == AuditedTask(
        task=task.id,
        name="a",
        url=f"{stand_in.url}/tasks/{task.id}",
        video="a",
        frames=30,
        matched=30,
        tracks=2,
        labels={"car": TrackCounts(tracks=2, keyframes=4, interpolated=9, held=3)},
        findings=2,
        note=None,
    )
    assert (other.name, other.findings) == ("b", 0)
    assert (planted / "audit.html").stat().st_size > 1000


def test_a_clean_dataset_exits_with_0(prep, stand_in, planted):
    task = task_named(stand_in, "b")
    done = prep("audit", planted, "--task", str(task.id), "--json", **access(stand_in))
    assert (done.code, done.err) == (0, "")
    assert (done.json["findings"], done.json["totals"]["tasks"]) == ([], 1)
    assert (
        "No track is wrong."
        in prep("audit", planted, "--task", str(task.id), **access(stand_in)).out
    )


def test_settings_and_ways_to_name_tasks(prep, stand_in, planted):
    def found(*arguments):
        done = prep("audit", planted, "--json", *arguments, **access(stand_in))
        assert done.code in {0, 1}, done.err
        return done.json["totals"]["tasks"], [each["kind"] for each in done.json["findings"]]

    assert found("--tolerance-px", "40") == (2, ["never-ends"])
    (project,) = stand_in.state.projects
    for name in ("cars", str(project)):
        assert found("--project", name) == (2, ["uneven-time", "never-ends"])
    one, other = (task_named(stand_in, name).id for name in "ab")
    assert found("--task", str(one), "--task", str(other)) == (2, ["uneven-time", "never-ends"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--annotations", "x.xml", "--task", "1"), "needs a server"),
        (("--annotations", "x.xml", "--post"), "needs a server"),
        (("--annotations", "x.xml", "--retime"), "needs a server"),
        (("--undo", "x.json", "--task", "1"), "--undo goes alone"),
        (("--undo", "x.json", "--dry-run"), "--undo goes alone"),
        (("--undo", "x.json"), "x.json"),
        (("--dry-run",), "--dry-run"),
        (("--task", "99"), "task 99"),
        (("--project", "none such"), "none such"),
        (("--tolerance-px", "0"), "tolerance"),
        (("--annotations", "none.xml"), "none.xml"),
    ],
)
def test_what_cannot_be_done_exits_with_2(prep, stand_in, planted, arguments, words):
    before = Caller(stand_in)("GET", "/api/tasks/1/annotations/").json
    done = prep("audit", planted, *arguments, **access(stand_in))
    assert done.code == 2
    assert words in done.err
    assert not (planted / "audit.json").exists()
    assert Caller(stand_in)("GET", "/api/tasks/1/annotations/").json == before


def test_a_dataset_that_is_not_on_this_server(prep, stand_in, tmp_path):
    film(tmp_path / "ds", "a")
    done = prep("audit", tmp_path / "ds", **access(stand_in))
    assert done.code == 2
    assert "--task or --project" in done.err
    (tmp_path / "empty").mkdir()
    done = prep("audit", tmp_path / "empty", **access(stand_in))
    assert (done.code, "no video" in done.err) == (2, True)


@pytest.mark.parametrize("what", ["--post", "--retime"])
def test_a_read_only_token_audits_and_changes_nothing(prep, stand_in, planted, what):
    token = {"CVAT_HOST": stand_in.url}
    token["CVAT_ACCESS_TOKEN"] = stand_in.accounts.add_access_token(stand_in.admin)
    before = Caller(stand_in)("GET", "/api/tasks/1/annotations/").json
    assert prep("audit", planted, **token).code == 1
    done = prep("audit", planted, what, **token)
    assert done.code == 4
    assert "read-only" in done.err
    assert Caller(stand_in)("GET", "/api/tasks/1/annotations/").json == before
    assert not stand_in.state.issues
    assert not list(planted.glob("cvat-undo-*"))
    assert prep("audit", planted, what, "--dry-run", **token).code == 1


# Issues


def post(server, dataset, **given):
    result = audit(dataset, server)
    return [(p.posted, p.known) for p in (post_task(server, t, **given) for t in result.tasks)]


def test_one_issue_a_finding_in_its_place(stand_in, server, planted):
    assert post(server, planted, is_dry_run=True) == [(2, 0), (0, 0)]
    assert not stand_in.state.issues
    assert post(server, planted) == [(2, 0), (0, 0)]
    task = task_named(stand_in, "a")
    one, other = stand_in.state.issues.values()
    assert (one.job.id, one.frame) == (job_of(stand_in, task, 5), 5)
    assert one.position == [150, 20, 200, 80]  # where CVAT has the box halfway
    assert (other.job.id, other.frame) == (job_of(stand_in, task, 29), 29)
    assert other.position == [42, 20, 92, 80]
    told = [comment.message for comment in stand_in.state.comments.values()]
    assert f"at frame 5 it may be {OFF:.1f} px off. Set a keyframe there." in told[0]
    assert "Nothing ends this track: the box of frame 26 is held on 3 more" in told[1]


def test_no_issue_is_posted_twice_and_resolved_ones_stay_so(stand_in, server, planted):
    assert post(server, planted) == [(2, 0), (0, 0)]
    assert post(server, planted) == [(0, 2), (0, 0)]
    one, other = stand_in.state.issues.values()
    one.resolved = True
    assert post(server, planted) == [(0, 2), (0, 0)]
    assert [each.resolved for each in stand_in.state.issues.values()] == [True, False]
    # An answer of a person is a comment like the first.
    Caller(stand_in)("POST", "/api/comments", {"issue": other.id, "message": "done"})
    annotate_more = boxes((0, 0, False), (3, 3, False), (4, 3, OUT)), boxes((7, 9, False))
    del stand_in.state.issues[one.id]
    assert post(server, planted) == [(1, 1), (0, 0)]
    task = task_named(stand_in, "b")
    annotate(stand_in, task, *annotate_more)
    assert post(server, planted) == [(0, 2), (1, 0)]


def test_a_break_inside_a_job_is_noted_once(prep, stand_in, server, tmp_path):
    film(tmp_path / "ds", "v", HOLE, scores={6: 60, 10: 60})  # the hole is before frame 10
    send(stand_in, tmp_path / "ds", shortest_job=10)
    task = task_named(stand_in, "v")
    assert post(server, tmp_path / "ds", is_dry_run=True) == [(1, 0)]
    assert not stand_in.state.issues
    assert post(server, tmp_path / "ds") == [(1, 0)]
    assert post(server, tmp_path / "ds") == [(0, 1)]
    (issue,) = stand_in.state.issues.values()
    assert (issue.frame, issue.job.id) == (6, job_of(stand_in, task, 6))
    (comment,) = stand_in.state.comments.values()
    assert comment.message.startswith("The footage breaks between frames 5 and 6 (cut). End each")
    done = prep("audit", tmp_path / "ds", "--task", str(task.id), **access(stand_in))
    assert done.code == 0
    annotate(stand_in, task, boxes(*ENDED))
    done = prep("audit", tmp_path / "ds", **access(stand_in))
    assert (done.code, "1 break lies inside its jobs; --post" in done.out) == (1, True)


def test_breaks_at_one_place_are_one_note(stand_in, server, tmp_path):
    film(tmp_path / "ds", "v", HOLE, scores={6: 60, 10: 60})
    send(stand_in, tmp_path / "ds", **OVERLAP)
    assert post(server, tmp_path / "ds") == [(2, 0)]  # frames 8 and 9 are in two jobs
    send(stand_in, tmp_path / "ds", project="other", jobs="one")
    assert post(server, tmp_path / "ds") == [(0, 2), (2, 0)]
    told = [comment.message for comment in stand_in.state.comments.values()]
    assert "(timeline, cut)" in told[-1]


def test_a_lost_answer_gives_no_second_issue(stand_in, server, planted):
    stand_in.faults.add(
        Fault(Kind.CUT_ANSWER, match=lambda r: r.path == "/api/issues" and r.method == "POST")
    )
    with pytest.raises(CvatUncertainError):
        post(server, planted)
    assert len(stand_in.state.issues) == 1
    assert post(server, planted) == [(1, 1), (0, 0)]
    assert len(stand_in.state.issues) == 2


def test_the_issue_of_a_span_over_several_jobs_is_in_the_job_of_its_worst_frame(
    stand_in, server, tmp_path
):
    film(tmp_path / "ds", "v", [0.04] * 15 + [0.055] * 14)
    send(stand_in, tmp_path / "ds", **OVERLAP)
    task = task_named(stand_in, "v")
    annotate(stand_in, task, boxes((0, 0, False), (28, 560, False), (29, 560, OUT)))
    assert post(server, tmp_path / "ds") == [(1, 0)]
    (issue,) = stand_in.state.issues.values()
    assert (issue.frame, issue.job.id) == (15, job_of(stand_in, task, 15))
    assert issue.frame in issue.job.frames
    assert issue.position == [300, 20, 350, 80]


@pytest.mark.parametrize(
    ("kind", "one", "other", "position"),
    [
        ("points", [10, 20], [110, 20], [60, 20, 64, 24]),
        ("polygon", [0, 0, 40, 0, 40, 30], [100, 0, 140, 0, 140, 30], [50, 0, 90, 30]),
        ("ellipse", [50, 50, 80, 40], [150, 50, 180, 40], [70, 40, 130, 60]),
    ],
)
def test_the_position_holds_what_is_no_box(stand_in, server, tmp_path, kind, one, other, position):
    film(tmp_path / "ds", "v", HALTING)
    send(stand_in, tmp_path / "ds", jobs="one")
    shapes = [shape(0, one, kind=kind), shape(10, other, kind=kind)]
    annotate(
        stand_in, task_named(stand_in, "v"), [*shapes, shape(11, other, kind=kind, outside=True)]
    )
    assert post(server, tmp_path / "ds") == [(1, 0)]
    (issue,) = stand_in.state.issues.values()
    assert issue.position == position


@pytest.mark.parametrize(
    ("keyframes", "deleted", "kind", "left"),
    [
        # As if the keyframe on frame 10 had never been set: halfway from 0 to 200.
        ([(0, 0), (10, 900), (20, 200), (21, 200, OUT)], 10, "deleted-keyframe", 100),
        # The end on frame 10 does not count: a third of the way from 60 to 210.
        ([(0, 0), (5, 60), (10, 900, OUT), (20, 210), (21, 210, OUT)], 10,
         "deleted-keyframe", 110),
        # CVAT shows no box around frame 12: the keyframe that was set is meant.
        ([(0, 0), (5, 60), (6, 60, OUT), (12, 700), (20, 200), (21, 200, OUT)], 12,
         "deleted-keyframe", 700),
        # On its way from 0 to 300 in spite of the keyframe on frame 4, as the finding says.
        ([(0, 0), (4, 900), (10, 300), (11, 300, OUT)], 4, "uneven-time", 150),
    ],
)  # fmt: skip
def test_the_issue_is_on_the_box_as_cvat_shows_it(
    stand_in, server, tmp_path, keyframes, deleted, kind, left
):
    film(tmp_path / "ds", "v", HALTING)
    send(stand_in, tmp_path / "ds", jobs="one")
    task = task_named(stand_in, "v")
    annotate(stand_in, task, boxes(*keyframes))
    delete_frames(stand_in, task, deleted)
    post(server, tmp_path / "ds")
    texts = {c.issue.id: c.message for c in stand_in.state.comments.values()}
    word = {"deleted-keyframe": "is deleted", "uneven-time": "does not pass evenly"}[kind]
    (position,) = [
        issue.position for issue in stand_in.state.issues.values() if word in texts[issue.id]
    ]
    assert position == [left, 20, left + 50, 80]


def test_the_elements_of_a_skeleton_have_issues_of_their_own(stand_in, server, tmp_path):
    film(tmp_path / "ds", "v", HALTING)
    send(stand_in, tmp_path / "ds", jobs="one", labels=SKELETON)
    task = task_named(stand_in, "v")
    frames = ((0, 0, False), (10, 300, False), (11, 300, OUT))
    elements = [
        {
            "frame": 0,
            "label_id": label_id(stand_in, name),
            "shapes": [shape(f, [x, y], kind="points", outside=out) for f, x, out in frames],
        }
        for name, y in (("nose", 10), ("tail", 90))
    ]
    whole = [shape(frame, [], kind="skeleton", outside=out) for frame, _, out in frames]
    track = {"frame": 0, "label_id": label_id(stand_in, "bike"), "shapes": whole}
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [{**track, "elements": elements}]}
    assert Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body).status == 200
    assert post(server, tmp_path / "ds") == [(2, 0)]
    nose, tail = stand_in.state.issues.values()
    assert (nose.position, tail.position) == ([150, 10, 154, 14], [150, 90, 154, 94])
    del stand_in.state.issues[nose.id]
    assert post(server, tmp_path / "ds") == [(1, 1)]


def test_the_command_posts_and_tells(prep, stand_in, planted):
    done = prep("audit", planted, "--post", "--dry-run", **access(stand_in))
    assert (done.code, done.err, len(stand_in.state.issues)) == (1, "", 0)
    assert "2 issues would be posted, 0 already there." in done.out
    done = prep("audit", planted, "--post", "--json", **access(stand_in))
    assert (done.code, done.json["totals"]["issues_posted"]) == (1, 2)
    done = prep("audit", planted, "--post", "--json", **access(stand_in))
    totals = done.json["totals"]
    assert (totals["issues_posted"], totals["issues_known"]) == (0, 2)


# Tasks made by other means


def other_task(stand_in, files):
    """A task of the same label that prep did not make."""
    caller = Caller(stand_in)
    number, ended = caller.make({name: picture("v", i, WIDE) for i, name in enumerate(files)})
    assert ended["status"] == "finished"
    return stand_in.state.tasks[number]


def own_label(stand_in, task):
    return next(label.id for label in stand_in.state.labels.values() if label.task_id == task.id)


def put(stand_in, task, *tracks):
    given = [
        {"frame": 0, "label_id": own_label(stand_in, task), "shapes": list(shapes)}
        for shapes in tracks
    ]
    body = {"version": 0, "tags": [], "shapes": [], "tracks": given}
    assert Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body).status == 200


def test_images_named_otherwise_are_audited_without_a_clock(stand_in, server, tmp_path):
    film(tmp_path / "ds", "v", HALTING)
    task = other_task(stand_in, [f"img{i:03d}.jpg" for i in range(20)])
    put(stand_in, task, boxes((0, 0, False), (10, 300, False)))
    result = audit(tmp_path / "ds", server, tasks=[task.id])
    assert told(result) == [("never-ends", 10, 19, 19, 9)]
    (audited,) = result.tasks
    assert "not named as prep's" in audited.note
    assert (audited.match.video, audited.match.clock.matched) == (None, 0)


def test_images_of_the_dataset_between_others(stand_in, server, tmp_path):
    table = film(tmp_path / "ds", "v", HALTING)
    files = [f"sub/{name}" for name in names("v", range(2, 18))] + ["zz1.jpg", "zz2.jpg"]
    task = other_task(stand_in, files)
    put(
        stand_in,
        task,
        boxes((0, 0, False), (9, 300, False), (10, 300, OUT)),
        boxes((12, 0, False), (16, 80, False), (17, 80, OUT)),
    )
    result = audit(tmp_path / "ds", server, tasks=[task.id])
    errors = naive_errors([(0, 0, 0), (9, 300, 0)], range(2, 18), table)
    size, worst = errors[0, 9]
    assert told(result) == [("uneven-time", 0, 9, worst, pytest.approx(size))]
    assert (finding(result.findings[0]).video_first, result.tasks[0].match.video) == (2, "v")
    assert "2 of 18 frames are none of video 'v'" in result.tasks[0].note


def video_task(stand_in, name, frames, *, start=0, step=1):
    """A task that CVAT made of a video, put into the state of the server by hand."""
    task = other_task(stand_in, [f"x{i:03d}.jpg" for i in range(frames)])
    task.mode, task.name = "interpolation", "a video"
    data = task.data
    data.start_frame, data.frame_filter = start, f"step={step}" if step > 1 else ""
    data.stop_frame = start + (frames - 1) * step
    data.video = name
    return task


@pytest.mark.parametrize(("start", "step"), [(0, 1), (3, 2)])
def test_a_video_task_is_matched_by_the_name_of_its_source(stand_in, server, tmp_path, start, step):
    table = film(tmp_path / "ds", "v", HALTING, gone={7: (Fate.REJECTED, Reason.TRUNCATED)})
    film(tmp_path / "ds", "w")
    task = video_task(stand_in, "v.mp4", 13, start=start, step=step)
    put(stand_in, task, boxes((0, 0, False), (10, 300, False), (11, 300, OUT)))
    result = audit(tmp_path / "ds", server, tasks=[task.id])
    size, worst = naive_errors(
        [(0, 0, 0), (10, 300, 0)], [start + step * i for i in range(13)], table
    )[0, 10]
    assert size > 2
    # It shows the frame that the dataset lacks, so there is no break.
    assert told(result) == [("uneven-time", 0, 10, worst, pytest.approx(size))]
    assert (result.tasks[0].match.video, result.tasks[0].note) == ("v", None)
    assert finding(result.findings[-1]).video_last == start + step * 10


def test_a_video_that_the_dataset_does_not_know(stand_in, server, tmp_path):
    film(tmp_path / "ds", "v", HALTING)
    task = video_task(stand_in, "other.mp4", 13)
    put(stand_in, task, boxes((0, 0, False), (10, 300, False)))
    result = audit(tmp_path / "ds", server, tasks=[task.id])
    assert told(result) == [("never-ends", 10, 12, 12, 2)]
    assert "'other.mp4', which no video came from" in result.tasks[0].note


def test_a_task_without_frames_is_told(stand_in, server, tmp_path):
    film(tmp_path / "ds", "v")
    number = Caller(stand_in).task(labels=LABELS)
    (audited,) = audit(tmp_path / "ds", server, tasks=[number]).tasks
    assert (audited.findings, audited.note) == ((), "it has no frames yet.")
    with pytest.raises(InputError, match="task 77"):
        audit(tmp_path / "ds", server, tasks=[77])


def test_a_task_that_was_deleted_on_the_server_is_told(prep, stand_in, planted):
    gone, other = (task_named(stand_in, name) for name in "ba")
    stand_in.state.delete_task(gone)
    done = prep("audit", planted, "--post", "--retime", "--json", **access(stand_in))
    assert done.code == 1, done.err
    assert (done.json["totals"]["tasks"], done.json["totals"]["issues_posted"]) == (2, 1)
    assert f"task {gone.id}: it is gone from CVAT" in done.out
    done = prep(
        "audit", planted, "--task", str(gone.id), "--task", str(other.id), **access(stand_in)
    )
    assert (done.code, f"task {gone.id}: there is none" in done.err) == (2, True)


def test_an_answer_that_is_no_json_is_an_error_of_the_server(
    stand_in, server, planted, monkeypatch
):
    class Page:
        data = b"<html>log in\xff</html>"

    request = server._session.request
    monkeypatch.setattr(
        server._session,
        "request",
        lambda method, path, **more: (
            Page() if "annotations" in path else request(method, path, **more)
        ),
    )
    with pytest.raises(CvatError, match="no JSON"):
        audit(planted, server)


def test_a_session_goes_on_after_tasks_that_are_not_there(server, planted):
    with pytest.raises(InputError, match="there is none"):
        audit(planted, server, tasks=[999_997, 999_998, 999_999])
    assert not server.stopped.is_set()
    assert audit(planted, server).findings


# Exports


def test_an_export_tells_the_same_without_a_server(prep, stand_in, server, planted, tmp_path):
    task = task_named(stand_in, "a")
    file = export(stand_in, task, tmp_path / "annotations.xml")
    result = audit_export(planted, file)
    with_server = audit(planted, server, tasks=[task.id])
    assert told(result) == told(with_server)
    assert [p.job_id for p in result.findings] == [p.job_id for p in with_server.findings]
    # The export has addresses for programs; people see the same as with the server.
    assert [p.url for p in result.findings] == [p.url for p in with_server.findings]
    assert result.tasks[0].url == with_server.tasks[0].url
    done = prep("audit", planted, "--annotations", file, "--json")
    assert (done.code, done.err) == (1, "")
    assert [each["kind"] for each in done.json["findings"]] == ["uneven-time", "never-ends"]
    # Known by its name, where cvat.json knows nothing of it.
    (planted / "cvat.json").unlink()
    assert told(audit_export(planted, file)) == told(with_server)


def test_an_export_of_a_project_tells_of_each_task(prep, stand_in, server, planted, tmp_path):
    tasks = [task_named(stand_in, name) for name in "ab"]
    heads, tracks = "", ""
    for place, task in enumerate(tasks):
        text = export(stand_in, task, tmp_path / "one.xml").read_text()
        heads += re.search("<task>.*</task>", text)[0]
        body = text.partition("</meta>")[2].removesuffix("</annotations>")
        body = body.replace("<track ", f'<track task_id="{task.id}" subset="default" ')
        numbers = re.split(r'(?<= frame=")(\d+)', body)
        numbers[1::2] = [str(int(each) + 30 * place) for each in numbers[1::2]]
        tracks += "".join(numbers)
    file = tmp_path / "project.xml"
    meta = f"<meta><project><id>1</id><tasks>{heads}</tasks></project></meta>"
    file.write_text(f"<annotations>{meta}{tracks}</annotations>")
    result, with_server = audit_export(planted, file), audit(planted, server)
    assert told(result) == told(with_server)
    assert [(one.name, one.match.video, len(one.tracks)) for one in result.tasks] == [
        (one.name, one.match.video, len(one.tracks)) for one in with_server.tasks
    ]
    assert [p.url for p in result.findings] == [p.url for p in with_server.findings]
    done = prep("audit", planted, "--annotations", file, "--json")
    assert (done.code, done.json["totals"]["tasks"]) == (1, 2)


def test_an_export_of_a_job_is_known_by_it(stand_in, server, tmp_path):
    film(tmp_path / "ds", "v", HALTING)
    send(stand_in, tmp_path / "ds", **OVERLAP)
    task = task_named(stand_in, "v")
    annotate(stand_in, task, boxes((2, 0, False), (7, 150, False), (8, 150, OUT)), boxes(*ACROSS))
    job = stand_in.state.jobs_of(task)[0]
    result = audit_export(tmp_path / "ds", export(stand_in, task, tmp_path / "job.xml", job=job))
    (audited,) = result.tasks
    assert (audited.match.video, len(audited.match.clock), audited.note) == ("v", 30, None)
    with_server = [each for each in told(audit(tmp_path / "ds", server)) if each[2] == 7]
    assert with_server[0] in told(result)
    (placed,) = (p for p in result.findings if finding(p).last_frame == 7)
    where = f"{stand_in.url}/tasks/{task.id}/jobs/{job.id}?frame={finding(placed).worst_frame}"
    assert (placed.job_id, placed.url) == (job.id, where)


def test_an_export_for_images_has_no_tracks(prep, stand_in, planted, tmp_path):
    images = "".join(
        f'<image id="{i}" name="{name}" width="48" height="32"><box label="car" xtl="1" ytl="1" '
        'xbr="9" ybr="9"></box></image>'
        for i, name in enumerate(names("a", range(30)))
    )
    file = tmp_path / "images.xml"
    file.write_text(f"<annotations><version>1.1</version>{images}</annotations>")
    (audited,) = audit_export(planted, file).tasks
    assert (audited.match.video, audited.findings) == ("a", ())
    assert "only 30 boxes" in audited.note
    done = prep("audit", planted, "--annotations", file)
    assert done.code == 0
    assert "CVAT for video 1.1" in done.out


@pytest.mark.parametrize("content", ["", "<html></html>", "<annotations><track", "no xml"])
def test_wrong_files_are_refused(planted, tmp_path, content):
    file = tmp_path / "wrong.xml"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"wrong\.xml"):
        audit_export(planted, file)


def test_a_full_disk_is_told(prep, stand_in, planted):
    (planted / "audit.json").mkdir()
    done = prep("audit", planted, **access(stand_in))
    assert (done.code, "audit.json" in done.err) == (2, True)
