"""A CVAT server as its users treat it: by HTTP, by an upload, and by annotating."""

import http.client
import json
import time
import urllib.parse
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from video_prep.cvat.connect import connect
from video_prep.cvat.server import CvatServer
from video_prep.cvat.waits import Waits
from video_prep.settings.cvat import CvatSettings, UploadSettings
from video_prep.stages.upload.stage import upload

from .tracks import xml_shape

RECORDINGS = Path(__file__).parents[1] / "recordings"
USER = {"CVAT_USERNAME": "admin", "CVAT_PASSWORD": "secret"}
LABELS = [{"name": "car"}]
SKELETON = [
    {
        "name": "bike",
        "type": "skeleton",
        "svg": '<circle data-element-id="1" data-label-name="nose" data-node-id="1"></circle>'
        '<circle data-element-id="2" data-label-name="tail" data-node-id="2"></circle>',
        "sublabels": [{"name": "nose", "type": "points"}, {"name": "tail", "type": "points"}],
    }
]
TASKS = ["a (1/2)", "a (2/2)", "b (1/2)", "b (2/2)"]  # of the fixture `uploaded`
OUT = True


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Caller:
    """HTTP without any help, as admin unless told otherwise."""

    def __init__(self, stand_in, authorization=None):
        self.port = stand_in.port
        self.headers = {}
        if authorization is None:
            who = {"username": "admin", "password": "secret"}
            authorization = f"Token {self('POST', '/api/auth/login', who).json['key']}"
        self.headers = {"Authorization": authorization}

    def __call__(self, method, path, content=None, *, body=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            body = json.dumps(content)
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {**self.headers, **sent})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def task(self, name="t", **fields):
        return self("POST", "/api/tasks", {"name": name, **fields}).json["id"]

    def send(self, task, files, **headers):
        """Send files in one request, as the SDK does."""
        body, kind = multipart(files)
        headers = {"Upload_Multiple": "", "Content_Type": kind, **headers}
        return self("POST", f"/api/tasks/{task}/data/", body=body, **headers)

    def finish(self, task, **parameters):
        parameters = {"image_quality": 70, **parameters}
        return self("POST", f"/api/tasks/{task}/data/", parameters, Upload_Finish="")

    def wait(self, rq_id):
        """Poll until the request has ended."""
        path = f"/api/requests/{urllib.parse.quote(rq_id, safe='')}"
        while (answer := self("GET", path).json)["status"] in {"queued", "started"}:
            time.sleep(0.005)
        return answer

    def make(self, files, spec=None, **parameters):
        """Make a task of files; return its id and how its creation ended."""
        task = self.task(**(spec or {"labels": [{"name": "car"}]}))
        assert self.send(task, files).status == 200
        finished = self.finish(task, **parameters)
        assert finished.status == 202, finished.body
        return task, self.wait(finished.json["rq_id"])

    def names(self, task):
        return [
            frame["name"] for frame in self("GET", f"/api/tasks/{task}/data/meta").json["frames"]
        ]

    def borders(self, task):
        jobs = self("GET", f"/api/jobs?task_id={task}&page_size=all").json["results"]
        return sorted((job["start_frame"], job["stop_frame"]) for job in jobs)


def multipart(files, *, quality="70"):
    fields = {f"client_files[{i}]": file for i, file in enumerate(files.items())}
    return urllib3.encode_multipart_formdata({"image_quality": quality, **fields})


def by_name(server):
    return {task.name: task for task in server.state.tasks.values()}


HASTY = Waits(
    pauses_seconds=(0.01, 0.02, 0.05),
    first_poll_seconds=0.005,
    piece_seconds=0.01,
    late_seconds=(0.01, 0.02, 0.03, 0.04, 0.05),
    task_seconds=0.01,
)


def send(
    stand_in,
    dataset,
    *,
    auth="admin:secret",
    labels=LABELS,
    replace=False,
    force=False,
    carry=False,
    timeout=60,
    watch=None,
    **settings,
):
    """Upload within this process, and wait for nothing longer than a test can."""
    server = CvatSettings(host=stand_in.url, timeout_seconds=timeout)
    session = connect(server, auth, waits=HASTY)
    try:
        return upload(
            dataset,
            CvatServer(session),
            UploadSettings(**settings),
            labels=labels,
            replace=replace,
            force=force,
            carry=carry,
            watch=watch,
        )
    finally:
        session.close()


def shown(stand_in):
    """Return the names of the frames of each task."""
    tasks = stand_in.state.tasks.values()
    made = {task.name: [frame.name for frame in task.data.frames] for task in tasks if task.data}
    assert len(made) == len(tasks)
    return made


def borders(stand_in, task_name):
    jobs = stand_in.state.jobs.values()
    return [(job.start_frame, job.stop_frame) for job in jobs if job.task.name == task_name]


def statuses(result):
    return {task.name: task.status for task in result.tasks}


def task_named(stand_in, name):
    (task,) = (task for task in stand_in.state.tasks.values() if task.name == name)
    return task


def journal(dataset):
    return json.loads((dataset / "cvat.json").read_text())


def entries(dataset):
    (uploaded,) = journal(dataset)["uploads"]
    return uploaded["tasks"]


def access(stand_in):
    return {"CVAT_HOST": stand_in.url, "CVAT_USERNAME": "admin", "CVAT_PASSWORD": "secret"}


def shape(frame, points, *, outside=False, kind="rectangle", **more):
    return {
        "type": kind, "frame": frame, "points": list(map(float, points)), "outside": outside, **more
    }  # fmt: skip


def box(frame, x, outside=False, **more):
    return shape(frame, [x, 20, x + 50, 80], outside=outside, **more)


def boxes(*keyframes):
    """Shapes of boxes [(frame, x, outside)]."""
    return [box(*each) for each in keyframes]


def label_id(stand_in, name="car"):
    (found,) = {label.id for label in stand_in.state.labels.values() if label.name == name}
    return found


def annotate(stand_in, task, *tracks, label="car", **more):
    """Put tracks of these shapes into a task, as an annotator does who sees the whole of it."""
    given = [
        {
            "frame": min(one["frame"] for one in shapes),
            "label_id": label_id(stand_in, label),
            "shapes": deepcopy(shapes),
        }
        for shapes in tracks
    ]
    body = {"version": 0, "tags": [], "shapes": [], "tracks": given, **more}
    answer = Caller(stand_in)("PUT", f"/api/tasks/{task.id}/annotations/", body)
    assert answer.status == 200, answer.body


def delete_frames(stand_in, task, *frames):
    body = {"deleted_frames": list(frames)}
    assert Caller(stand_in)("PATCH", f"/api/tasks/{task.id}/data/meta", body).status == 200


def told(result):
    """Return kind, first, last and worst frame of each finding, and its size."""
    return [
        (f.kind, f.first_frame, f.last_frame, f.worst_frame, pytest.approx(f.size, abs=1e-6))
        for f in (each.finding for each in result.findings)
    ]


def export(stand_in, task, path, *, job=None):
    """Write what CVAT exports of a task, or a job, as 'for video 1.1', from its API."""
    one, number = ("job", job.id) if job else ("task", task.id)
    told = Caller(stand_in)("GET", f"/api/{one}s/{number}/annotations/").json
    jobs = [job] if job else stand_in.state.jobs_of(task)
    name = "" if job else f"<name>{task.name}</name>"
    segments = "".join(
        f"<segment><id>{job.id}</id><start>{job.start_frame}</start><stop>{job.stop_frame}</stop>"
        f"<url>{stand_in.url}/api/jobs/{job.id}</url></segment>"
        for job in jobs
    )
    size = jobs[-1].stop_frame - jobs[0].start_frame + 1
    body = "".join(
        f'<track id="{i}" label="car" source="manual">'
        + "".join(xml_shape(one, one["type"]) for one in track["shapes"])
        + "</track>"
        for i, track in enumerate(told["tracks"])
    )
    path.write_text(
        f"<annotations><version>1.1</version><meta><{one}><id>{number}</id>{name}"
        f"<size>{size}</size><mode>annotation</mode><start_frame>"
        f"{jobs[0].start_frame}</start_frame><stop_frame>{jobs[-1].stop_frame}</stop_frame><frame_filter></frame_filter><labels>"
        f"<label><name>car</name></label></labels><segments>{segments}</segments></{one}></meta>"
        f"{body}</annotations>"
    )
    return path
