"""Issues are posted once, whatever becomes of ids and numbers by then."""

import hashlib
import re

import pytest
from helpers.cvat import OUT, annotate, boxes, send, task_named
from helpers.handmade import WIDE, change_fates, film
from video_prep.dataset.frame_table import Fate, Reason
from video_prep.stages.audit.post import post_task
from video_prep.stages.audit.stage import audit

HOLE = [0.04] * 9 + [3.0] + [0.04] * 19
"""A break behind frame 9."""


def post(server, dataset):
    (task,) = audit(dataset, server).tasks
    done = post_task(server, task)
    return done.posted, done.known


def texts(stand_in):
    return [each.message for each in stand_in.state.comments.values()]


@pytest.fixture
def posted(stand_in, server, tmp_path):
    """Two tracks of one label with the same frames over a break, and one that never ends."""
    ds = tmp_path / "ds"
    film(ds, "v", HOLE)
    send(stand_in, ds, jobs="one")
    task = task_named(stand_in, "v")
    annotate(
        stand_in,
        task,
        boxes((2, 0), (20, 400), (21, 400, OUT)),
        boxes((2, 600), (20, 1000), (21, 1000, OUT)),
        boxes((22, 40), (24, 42)),
    )
    assert post(server, ds) == (4, 0)  # and the break
    assert post(server, ds) == (0, 4)
    return ds, task


@pytest.mark.parametrize(
    ("gone", "still"),
    [((0, 5, 6, 12), 4), ((4, 10, 11, 12, 15, 16), 2)],
    ids=["elsewhere", "at the break"],
)
def test_after_a_carry_nothing_is_posted_twice(stand_in, server, posted, gone, still):
    """Spans end on keyframes that were added, and numbers, frames and ids are others.

    With keyframes on both sides of the break, nothing is filled in across it any more.
    """
    ds, task = posted
    change_fates(ds, "v", gone, Fate.DUPLICATE, Reason.SIMILAR, size=WIDE)
    result = send(stand_in, ds, replace=True, carry=True, jobs="one")
    assert result.exit_code == 0, result.tasks[0]
    new = task_named(stand_in, "v")
    assert new.id != task.id
    assert len(stand_in.state.issues) == 4
    assert post(server, ds) == (2, still)
    more = texts(stand_in)[4:]
    assert ["(missing)" in text for text in more] == [True, True]  # breaks that are new
    assert post(server, ds) == (0, 2 + still)
    annotate(stand_in, new, boxes((2, 1200), (16, 1250), (17, 1250, OUT)))
    another = post(server, ds)[0]
    assert another > 0  # at another place is another finding


def test_marks_of_earlier_versions_are_known(stand_in, server, posted):
    ds, task = posted
    ids = {
        (track["shapes"][0]["frame"], track["shapes"][0]["points"][0]): track["id"]
        for job in stand_in.state.jobs_of(task)
        for track in job.tracks
    }
    facts = [
        (task.id, "crosses-break", ids[2, 0], None, 2, 20),
        (task.id, "crosses-break", ids[2, 600], None, 2, 20),
        (task.id, "never-ends", ids[22, 40], None, 24, 29),
        (task.id, "break", 9),
    ]
    old = [f"[prep {hashlib.sha256(repr(each).encode()).hexdigest()[:10]}]" for each in facts]
    comments = list(stand_in.state.comments.values())
    for comment, mark in zip(comments, old, strict=True):
        comment.message = f"Something that earlier versions said. {mark}"
    assert post(server, ds) == (0, 4)
    assert all(re.search(r"said\. \[prep [0-9a-f]{10}\]$", text) for text in texts(stand_in))


def test_each_issue_stands_for_one_finding(stand_in, server, posted):
    ds, _ = posted
    first = next(iter(stand_in.state.issues))
    del stand_in.state.issues[first]
    assert post(server, ds) == (1, 3)
    assert post(server, ds) == (0, 4)
    positions = sorted(issue.position[0] for issue in stand_in.state.issues.values())
    assert len(set(positions)) == 4
