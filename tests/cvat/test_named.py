"""Annotations and issues by names: what is told of them and what is put back is the same."""

from copy import deepcopy

import pytest
from helpers.annotating import LABELS
from helpers.cvat import HASTY, Caller, box
from helpers.cvat_stand_in import Fault, Kind, annotations
from helpers.handmade import picture
from video_prep.base.errors import CvatUncertainError, UnprovenError
from video_prep.cvat import jobs
from video_prep.cvat.connect import connect
from video_prep.cvat.named import FullIssue, NamedAnnotations
from video_prep.settings.cvat import CvatSettings


def test_an_issue_keeps_its_place_to_the_last_digit(stand_in):
    call = Caller(stand_in)
    task, _ = call.make({f"{number}.jpg": picture("v", number) for number in range(2)})
    (job,) = call("GET", f"/api/jobs?task_id={task}").json["results"]
    position = (1 / 3, 0.1 + 0.2, 12.345678, 40.0)
    with connect(CvatSettings(host=stand_in.url), "admin:secret") as session:
        named = NamedAnnotations(session)
        named.post_issue(FullIssue(0, job["id"], 1, position, False, ()), ["look"], None)
        (issue,) = named.issues(task)
        named.post_issue(issue, ["look"], None)
        assert [each.position for each in named.issues(task)] == [position, position]


def is_write(request):
    return request.method in {"PATCH", "PUT"} and request.path.endswith("/annotations/")


def car(frame, x, **more):
    shapes = [box(frame, x, attributes={}), box(frame + 1, x + 5, True, attributes={})]
    return {"label": "car", "frame": frame, "attributes": {}, "shapes": shapes, **more}


WANTED = {
    "tags": [{"label": "car", "frame": 1, "attributes": {"colour": "blue"}}],
    "shapes": [],
    "tracks": [car(0, 10), car(1, 20), car(1, 20), car(2, 30), car(1, 40)],
}
OTHER = {"tags": [], "shapes": [], "tracks": [car(0, 200), car(1, 20), car(2, 210)]}


@pytest.fixture
def writing(stand_in, monkeypatch):
    """Write annotations into the one job of a task, a track or two at once; give all it has."""
    monkeypatch.setattr(jobs, "_PORTION_WORK", 25)
    call = Caller(stand_in)
    task, _ = call.make(
        {f"{number}.jpg": picture("v", number) for number in range(5)}, {"labels": LABELS}
    )
    (job,) = call("GET", f"/api/jobs?task_id={task}").json["results"]
    with connect(CvatSettings(host=stand_in.url), "admin:secret", waits=HASTY) as session:
        named = NamedAnnotations(session)

        def write(given, **more):
            named.write(task, {job["id"]: given}, **more)
            return read()

        def read():
            saved = named.read(task)
            return {
                kind: sorted(str(sorted(one.items())) for one in ones)
                for kind, ones in saved.annotations.items()
            }

        write.read = read
        yield write


def test_many_are_written_in_portions_and_what_is_there_of_them_stays(stand_in, writing):
    expected = writing(WANTED)
    sent = [(r.method, r.query.get("action")) for r in stand_in.requests if is_write(r)]
    assert sent == [("PATCH", "create")] * 3
    (job,) = stand_in.state.jobs.values()
    ids = {track["id"] for track in job.tracks}
    gone = job.tracks.pop(2)["id"]
    assert writing(WANTED) == expected
    assert {track["id"] for track in job.tracks} > ids - {gone}
    assert len([r for r in stand_in.requests if is_write(r)]) == 4
    writing(OTHER)
    assert writing(WANTED, spares=False) == expected


def test_what_somebody_adds_meanwhile_is_not_removed(stand_in, writing, monkeypatch):
    """It was not saved: the proof fails, and it stays."""
    put_job, patch_job = annotations.put_job, annotations.patch_job

    def with_another(write):
        def act(state, job, *given):
            done = write(state, job, *given)
            if not any(track["group"] == 9 for track in job.tracks):
                theirs = {**deepcopy(job.tracks[0]), "group": 9, "id": state.new_id("tracks")}
                for one in theirs["shapes"]:
                    one["id"] = state.new_id("tracked")
                job.tracks.append(theirs)
            return done

        return act

    monkeypatch.setattr(annotations, "put_job", with_another(put_job))
    monkeypatch.setattr(annotations, "patch_job", with_another(patch_job))
    for wanted in (WANTED, {"tags": [], "shapes": [], "tracks": [car(0, 10)]}):
        for job in stand_in.state.jobs.values():
            annotations.clear(job)
        with pytest.raises(UnprovenError):
            writing(wanted)
        assert sum("'group', 9" in track for track in writing.read()["tracks"]) == 1


@pytest.mark.parametrize("nth", range(3))
@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (Kind.CUT_REQUEST, 0),
        (Kind.CUT_ANSWER, 0),
        (Kind.DO_THEN_REFUSE, 0),
        *((Kind.REFUSE_THEN_DO, after) for after in range(1, 9)),
    ],
)
def test_a_write_without_an_answer_is_looked_for(stand_in, writing, kind, after, nth):
    """Done at once, late, or so late that it is done twice: all is there once in the end."""
    expected = writing(WANTED)
    writing(OTHER)
    seen = []

    def is_nth(request):
        if is_write(request):
            seen.append(request)
        return is_write(request) and len(seen) == nth + 1

    stand_in.faults.add(Fault(kind, match=is_nth, status=504, after=after))
    assert writing(WANTED) == expected
    assert stand_in.faults.waiting == 0


@pytest.mark.parametrize(
    ("kind", "status", "looks"), [(Kind.REFUSE, 504, 5), (Kind.REFUSE, 500, 1)]
)
def test_before_it_is_sent_again_it_is_looked_for(stand_in, writing, kind, status, looks):
    """After a 500 nothing can come any more, after a 504 it may."""
    stand_in.faults.add(Fault(kind, match=is_write, status=status, times=3))
    begun = len(stand_in.requests)
    with pytest.raises(CvatUncertainError, match="It did so 3 times in a row"):
        writing(WANTED)
    methods = [r.method for r in stand_in.requests[begun:] if "/annotations/" in r.path]
    assert methods == ["GET", "GET", *(["PATCH", *["GET"] * looks] * 3)]
    assert writing.read()["tracks"] == []
