"""Annotations and issues by names: what is told of them and what is put back is the same."""

from helpers.cvat import Caller
from helpers.handmade import picture
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
