"""From video to CVAT and back, on the stand-in and, where one is named, on a real server.

What was made is looked at through the API alone, and deleted again.
"""

import io
import json
import os
import secrets
import shutil
import subprocess
import time
import zipfile
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import media
from helpers.datasets import images, names
from helpers.prep import command, environment, run_process
from video_prep.cvat.connect import connect
from video_prep.cvat.server import CvatServer
from video_prep.dataset.store import Dataset
from video_prep.settings.cvat import CvatSettings
from video_prep.tracks.interpolation import Placed
from video_prep.tracks.model import distance, outline_at, outline_of, tracks_from_api

REAL = os.environ.get("PREP_TEST_CVAT_HOST")
SERVERS = ["stand-in", *([pytest.param("real", marks=pytest.mark.cvat)] if REAL else [])]
LABELS = """\
- name: car
  attributes:
    - {name: colour, input_type: select, values: [red, blue]}
- person
"""


class Cvat:
    """A server with a project's name that nothing else has."""

    def __init__(self, host, variables, prep):
        self.host, self.variables, self._prep = host, variables, prep
        self.project = f"prep test {secrets.token_hex(4)}"
        user, password = variables.get("CVAT_USERNAME"), variables.get("CVAT_PASSWORD")
        auth = f"{user}:{password}" if user else None
        self.session = connect(CvatSettings(host=host), auth)
        self.server = CvatServer(self.session)

    def prep(self, *arguments):
        return self._prep(*arguments, CVAT_HOST=self.host, **self.variables)

    def upload(self, *arguments, code=0):
        done = self.prep("upload", "--cvat", "ds", "--project", self.project, "--json", *arguments)
        assert done.code == code, done.out + done.err
        return done.json

    def tasks(self):
        project = self.server.find_project(self.project)
        return self.session.list_all("tasks", project_id=project.id) if project else []

    def close(self):
        project = self.server.find_project(self.project)
        if project is not None:
            self.session.request("DELETE", f"projects/{project.id}")
        self.session.close()


@pytest.fixture
def prep(prep_process):
    """Run prep as people do: nothing here is to depend on what tests share."""
    return prep_process


@pytest.fixture(params=SERVERS)
def cvat(request, prep, monkeypatch):
    if request.param == "real":
        host = REAL
        variables = {k: v for k, v in os.environ.items() if k.startswith("CVAT_") or k == "PASS"}
    else:
        host = request.getfixturevalue("stand_in").url
        variables = {"CVAT_USERNAME": "admin", "CVAT_PASSWORD": "secret"}
        for name in [name for name in os.environ if name.startswith("CVAT_")]:
            monkeypatch.delenv(name)
    server = Cvat(host, variables, prep)
    yield server
    server.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A video with a cut after frame 9, a still one of which frame 0 is kept; one rejected."""
    home = tmp_path_factory.mktemp("made")

    def prep(*arguments):
        return run_process(arguments, home, {}).code

    scenes = "color=red:s=160x120:r=25:d=0.4[a];testsrc2=s=160x120:r=25:d=0.4[b];[a][b]concat"
    graph = ["-filter_complex", scenes, *media.X264]
    media.run([*graph, str(home / "Zürich 1.mp4")])
    media.run(["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=0.4,trim=end_frame=1,loop=9:1",
               *media.X264, str(home / "b.mp4")])  # fmt: skip
    assert prep("extract", "Zürich 1.mp4", "--dedupe", "off", "-o", "ds") == 0
    assert prep("extract", "b.mp4", "-o", "ds") == 0
    (folder,) = (home / "ds").glob("Z*")
    (folder / f"{folder.name}-frame_000003.jpg").write_bytes(b"")
    assert prep("validate", "ds") == 1
    return home


@pytest.fixture
def dataset(made, tmp_path):
    """A copy of them, to be changed."""
    shutil.copytree(made / "ds", tmp_path / "ds")
    (tmp_path / "labels.yaml").write_text(LABELS)
    (folder,) = (tmp_path / "ds").glob("Z*")
    return folder


def test_a_dataset_arrives_wholly_once_and_in_order(cvat, dataset, prep):
    video = dataset.name
    short = ("--shortest-job", "3")
    planned = cvat.prep("upload", "ds", "--dry-run", "--json", *short).json
    done = cvat.upload("--labels", "labels.yaml", "--subset", "train", "--verify", "all", *short)
    assert {k: done["totals"][k] for k in ("tasks", "uploaded", "frames_sent", "jobs")} == {
        "tasks": 2,
        "uploaded": 2,
        "frames_sent": 20,
        "jobs": planned["totals"]["jobs"],
    }
    by_name = {task["name"]: task for task in cvat.tasks()}
    assert by_name.keys() == {video, "b"}
    assert {task["subset"] for task in by_name.values()} == {"train"}
    shown = cvat.server.frames(by_name[video]["id"]).frames
    kept = [index for index in range(20) if index != 3]
    assert [frame.name for frame in shown] == names(video, kept)
    assert {(frame.width, frame.height) for frame in shown} == {(160, 120)}
    jobs = [(job.start, job.stop) for job in cvat.server.jobs(by_name[video]["id"])]
    assert jobs == [(0, 2), (3, 8), (9, 18)]  # at the rejected frame, and at the cut
    for number in (0, 3, 18):
        image = dataset / shown[number].name
        assert cvat.server.frame_bytes(by_name[video]["id"], number) == image.read_bytes()
    project = cvat.server.find_project(cvat.project)
    labels = cvat.server.project_labels(project.id)
    assert [(one["name"], len(one["attributes"])) for one in labels] == [("car", 1), ("person", 0)]

    again = cvat.upload(*short)
    assert (again["totals"]["unchanged"], again["totals"]["uploaded"]) == (2, 0)
    assert {task["id"] for task in cvat.tasks()} == {task["id"] for task in by_name.values()}
    told = cvat.prep("status", "ds", "--cvat", "--json").json
    assert (told["totals"]["frames_sent"], told["totals"]["frames_in_cvat"]) == (20, 20)
    assert all(not task["mismatches"] for one in told["videos"] for task in one["tasks"])


def test_what_was_forgotten_at_first_and_what_was_done_by_hand_since(cvat, dataset):
    cvat.upload()
    done = cvat.upload("--labels", "labels.yaml")
    assert done["totals"]["unchanged"] == 2
    project = cvat.server.find_project(cvat.project)
    labels = cvat.server.project_labels(project.id)
    assert [(one["name"], len(one["attributes"])) for one in labels] == [("car", 1), ("person", 0)]
    (task,) = (task for task in cvat.tasks() if task["name"] == dataset.name)
    cvat.server.rename_task(task["id"], "Monday")
    told = cvat.prep("status", "ds", "--cvat", "--json")
    kinds = [m["kind"] for v in told.json["videos"] for t in v["tasks"] for m in t["mismatches"]]
    assert (told.code, kinds) == (1, ["task-renamed"])


@pytest.mark.parametrize("jobs", ["size", "one"])
def test_jobs_of_a_size_and_one_job(jobs, cvat, dataset):
    overlap = ("--overlap", "2") if jobs == "size" else ()
    cvat.upload("--jobs", jobs, "--job-size", "8", *overlap)
    (task,) = (task for task in cvat.tasks() if task["name"] == dataset.name)
    borders = [(job.start, job.stop) for job in cvat.server.jobs(task["id"])]
    assert borders == ([(0, 7), (6, 13), (12, 18)] if jobs == "size" else [(0, 18)])


def test_what_a_killed_run_left_is_finished(cvat, dataset):
    arguments = ["upload", "--cvat", "ds", "--project", cvat.project]
    variables = environment(CVAT_HOST=cvat.host, **cvat.variables)
    for seconds in (0.4, 0.6, 0.8, 1.0, 1.3):
        process = subprocess.Popen(
            command(*arguments), cwd=dataset.parents[1], env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(seconds)
        process.kill()
        process.wait()
    cvat.upload()
    assert sorted(task["name"] for task in cvat.tasks()) == sorted([dataset.name, "b"])
    assert sorted(task["size"] for task in cvat.tasks()) == [1, 19]
    assert cvat.prep("status", "ds", "--cvat").code == 0


def test_tasks_are_replaced_only_as_long_as_no_work_is_lost(cvat, made, dataset, prep, tmp_path):
    cvat.upload("--labels", "labels.yaml")
    before = {task["name"]: task["id"] for task in cvat.tasks()}
    (label, *_) = cvat.server.project_labels(cvat.server.find_project(cvat.project).id)
    shape = {
        "type": "rectangle", "frame": 0, "label_id": label["id"], "group": 0, "source": "manual",
        "points": [1, 2, 30, 40], "attributes": [], "occluded": False, "z_order": 0,
    }  # fmt: skip
    body = {"version": 0, "tags": [], "tracks": [], "shapes": [shape]}
    cvat.session.request("PUT", f"tasks/{before['b']}/annotations/", body=body)
    for folder in (dataset, tmp_path / "ds" / "b"):
        (folder / images(folder)[0]).unlink()
    again = prep("extract", made / "b.mp4", "-o", "ds", "--dedupe", "off", "--overwrite")
    assert again.code == 0
    prep("validate", "ds")

    done = cvat.upload(code=1)
    assert [task["status"] for task in done["tasks"]] == ["changed", "changed"]
    assert {task["name"]: task["id"] for task in cvat.tasks()} == before
    done = cvat.upload("--replace", code=1)
    assert {task["name"]: task["status"] for task in done["tasks"]} == {
        dataset.name: "uploaded",
        "b": "changed",
    }
    cvat.upload("--replace", "--force")
    after = {task["name"]: task for task in cvat.tasks()}
    assert (after["b"]["size"], after[dataset.name]["size"]) == (10, 18)
    assert (tmp_path / "ds" / f"cvat-annotations-{before['b']}.json").exists()


def test_what_goes_over_the_wire_holds_names_of_images_and_nothing_else(
    stand_in, dataset, prep, tmp_path
):
    user = {"CVAT_USERNAME": "admin", "CVAT_PASSWORD": "secret", "CVAT_HOST": stand_in.url}
    assert prep("upload", "--cvat", "ds", **user).code == 0
    for task in stand_in.state.tasks.values():
        (uploaded,) = task.data.folder.iterdir()
        assert uploaded.name == "images.zip"
        with zipfile.ZipFile(uploaded) as archive:
            assert archive.namelist() == [frame.name for frame in task.data.frames]
            assert all("/" not in name for name in archive.namelist())
        content = uploaded.read_bytes()
        assert str(tmp_path.parent).encode() not in content  # nor where it was made
        assert b"secret" not in content


def test_tracks_of_a_tracker_arrive_on_their_frames_and_once(cvat, dataset, tmp_path):
    cvat.upload("--labels", "labels.yaml", "--shortest-job", "3")
    (task,) = (task for task in cvat.tasks() if task["name"] == dataset.name)
    # Frame 3 was rejected, a cut is behind frame 9: in CVAT, jobs are 0-2, 3-8 and 9-18.
    given = {
        "car": [(f, 5.0 + 2 * f) for f in range(20)],
        "person": [(f, 60.0 - f) for f in (*range(5, 8), *range(11, 15))],
    }
    rows = [
        {"frame": f, "id": label, "label": label, "x1": x, "y1": 10.0, "x2": x + 30, "y2": 70.0}
        for label, boxes in given.items()
        for f, x in boxes
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    arguments = ("annotate", "ds", "--project", cvat.project, "--tracks", "t.parquet", "--json")
    # The file's name tells of no video here, and the dataset has two.
    assert cvat.prep(*arguments).code == 2
    (tmp_path / "tracks").mkdir()
    (tmp_path / "t.parquet").rename(tmp_path / "tracks" / f"{dataset.name}.parquet")
    arguments = ("annotate", "ds", "--project", cvat.project, "--tracks", "tracks", "--json")
    planned = cvat.prep(*arguments, "--dry-run").json
    assert boxes_in(cvat, task["id"]) == {}
    done = cvat.prep(*arguments)
    assert done.code == 0, done.out + done.err
    assert done.json["totals"]["keyframes"] == planned["totals"]["keyframes"]
    assert done.json["totals"]["boxes_elsewhere"] == 1

    expected = {
        (label, frame - (frame > 3)): x
        for label, boxes in given.items()
        for frame, x in boxes
        if frame != 3
    }
    shown = boxes_in(cvat, task["id"])
    assert shown.keys() == expected.keys()
    assert max(abs(shown[key][0] - x) for key, x in expected.items()) <= 2
    again = cvat.prep(*arguments).json
    assert (again["totals"]["unchanged"], again["totals"]["tracks_added"]) == (1, 0)
    assert boxes_in(cvat, task["id"]) == shown


def test_jobs_are_dealt_out_to_people_and_some_frames_are_ground_truth(cvat, dataset):
    """To one person on a real server, which has no others for sure."""
    me = cvat.session.user
    short = ("--jobs", "size", "--job-size", "4")
    refused = cvat.upload(*short, "--assignees", f"{me},no.such.user", code=4)
    assert "assignee 'no.such.user': there is no such user" in refused["errors"][0]["message"]
    for wrong in (("--share", "no.such.folder"), ("--cloud-storage", "999999")):
        cvat.upload(*short, *wrong, code=2)
    assert cvat.server.find_project(cvat.project) is None
    cvat.upload(*short, "--assignees", me, "--ground-truth", "0.2")
    before = [job for task in cvat.tasks() for job in cvat.server.all_jobs(task["id"])]
    jobs = [job for job in before if job.type == "annotation"]
    assert {job.assignee for job in jobs} == {me}
    made = [job for job in before if job.type == "ground_truth"]
    assert len(made) == 2
    cvat.upload(*short, "--assignees", me, "--ground-truth", "0.2")
    assert [job for task in cvat.tasks() for job in cvat.server.all_jobs(task["id"])] == before
    more = cvat.upload(*short, "--ground-truth", "0.8")["warnings"]
    assert any("has a ground-truth job of" in each for each in more)
    assert [job for task in cvat.tasks() for job in cvat.server.all_jobs(task["id"])] == before
    plan = cvat.prep("upload", "ds", "--project", cvat.project, *short, "--json").json
    urls = {task["url"] for task in plan["tasks"]}
    assert urls == {f"{cvat.host}/tasks/{task['id']}" for task in cvat.tasks()}
    assert cvat.prep("status", "ds", "--cvat").code == 0


def boxes_in(cvat, task):
    """Return the corners of each box that a task's jobs show, by (label, frame)."""
    labels = {label["id"]: label["name"] for label in cvat.session.list_all("labels", task_id=task)}
    shown = {}
    for job in cvat.server.jobs(task):
        for track in cvat.session.get(f"jobs/{job.id}/annotations/")["tracks"]:
            ends = [*(shape["frame"] for shape in track["shapes"][1:]), job.stop + 1]
            for shape, end, after in zip(
                track["shapes"], ends, [*track["shapes"][1:], None], strict=True
            ):
                for frame in range(shape["frame"], end) if not shape["outside"] else ():
                    share = (frame - shape["frame"]) / (end - shape["frame"])
                    target = (after or shape)["points"]
                    pairs = zip(shape["points"], target, strict=True)
                    key = labels[track["label_id"]], frame
                    assert key not in shown
                    shown[key] = [a + (b - a) * share for a, b in pairs]
    return shown


def boxes_of_tracks(cvat, task, *tracks):
    """Put tracks of boxes [(frame, left)] into a task; each ends on the frame behind its last."""
    (label, *_) = cvat.session.list_all("labels", task_id=task["id"])

    def box(frame, left, outside):
        return {
            "type": "rectangle", "frame": frame, "points": [left, 10, left + 40, 50],
            "outside": outside, "occluded": False, "z_order": 0, "rotation": 0, "attributes": [],
        }  # fmt: skip

    given = [
        {
            "frame": keyframes[0][0], "label_id": label["id"], "group": 0, "source": "manual",
            "attributes": [], "elements": [],
            "shapes": [*(box(*each, False) for each in keyframes),
                       box(keyframes[-1][0] + 1, keyframes[-1][1], True)],
        }
        for keyframes in tracks
    ]  # fmt: skip
    body = {"version": 0, "tags": [], "shapes": [], "tracks": given}
    cvat.session.request("PUT", f"tasks/{task['id']}/annotations/", body=body)


def test_two_tracks_of_one_object_are_joined_and_undone(cvat, dataset, tmp_path):
    cvat.upload("--labels", "labels.yaml", "--jobs", "one")
    (task,) = (task for task in cvat.tasks() if task["name"] == dataset.name)
    boxes_of_tracks(cvat, task, [(0, 10), (12, 34)], [(3, 17), (17, 45)], [(0, 100), (17, 110)])

    def tracks():
        there = cvat.session.get(f"tasks/{task['id']}/annotations/")["tracks"]
        return [
            sorted((s["frame"], s["points"][0], s["outside"]) for s in track["shapes"])
            for track in sorted(there, key=lambda track: track["id"])
        ]

    before = tracks()
    audit = ("audit", "ds", "--task", str(task["id"]), "--json")
    dry = cvat.prep(*audit, "--join", "--dry-run").json
    double = [one for one in dry["findings"] if one["kind"] == "double"]
    assert [(one["first_frame"], one["last_frame"]) for one in double] == [(3, 12)]
    assert tracks() == before
    done = cvat.prep(*audit, "--join").json
    assert done["totals"]["pairs_joined"] == 1
    assert "double" not in [one["kind"] for one in done["findings"]]
    one, other = tracks()
    assert one == [(0, 10, False), (2, 14, False), *before[1]]
    assert other == before[2]
    (file,) = (tmp_path / "ds").glob("cvat-undo-*.json")
    assert cvat.prep("audit", "ds", "--undo", str(file)).code == 0
    assert tracks() == before
    (kept,) = set((tmp_path / "ds").glob("cvat-undo-*.json")) - {file}
    assert cvat.prep("audit", "ds", "--undo", str(kept)).code == 0
    assert tracks() == [one, other]


MOVING = {
    "rectangle": [10, 20, 40, 60],
    "polygon": [10, 20, 40, 20, 40, 60, 10, 60],
    "polyline": [10, 20, 40, 20, 40, 60],
    "points": [10, 20],
    "ellipse": [30, 40, 50, 30],
    "cuboid": [10, 20, 10, 60, 30, 20, 30, 60, 40, 15, 40, 55, 20, 15, 20, 55],
}


def test_all_shapes_follow_the_clock_in_jobs_that_overlap(cvat, prep, tmp_path):
    """An even move past a camera that stalls; of the server's pieces all say the same after it."""
    video = tmp_path / "halting.mkv"
    stalls = "setpts='(N+6*floor((N+2)/6))/25/TB'"
    media.run(["-f", "lavfi", "-i", f"testsrc2=s=400x120:r=25:d=1.2,{stalls}", "-fps_mode",
               "passthrough", *media.X264, str(video)])  # fmt: skip
    assert prep("extract", video, "-o", "ds", "--dedupe", "off").code == 0
    (tmp_path / "labels.yaml").write_text("- car\n")
    jobs = ("--jobs", "size", "--job-size", "10", "--overlap", "2")
    cvat.upload("--labels", "labels.yaml", *jobs)
    (task,) = cvat.tasks()
    (label,) = cvat.server.project_labels(cvat.server.find_project(cvat.project).id)
    times = Dataset(tmp_path / "ds").read_frames("halting").time_seconds
    assert np.diff(times).max() > 5 * np.diff(times).min()

    def keyframe(kind, points, frame, outside=False):
        moved = [
            v + (100 * times[min(frame, 28)] if i % 2 == 0 else 0) for i, v in enumerate(points)
        ]
        return {"type": kind, "frame": frame, "points": moved, "outside": outside, "attributes": []}

    tracks = [
        {"frame": 0, "label_id": label["id"], "group": 0, "attributes": [], "elements": [],
         "shapes": [*(keyframe(kind, points, f) for f in (0, 16, 28)),
                    keyframe(kind, points, 29, outside=True)]}
        for kind, points in MOVING.items()
    ]  # fmt: skip
    body = {"version": 0, "tags": [], "shapes": [], "tracks": tracks}
    cvat.session.request("PUT", f"tasks/{task['id']}/annotations/", body=body)
    found = cvat.prep("audit", "ds", "--json").json
    assert found["totals"]["tracks"] == len(MOVING)
    assert {one["kind"] for one in found["findings"]} == {"uneven-time"}
    done = cvat.prep("audit", "ds", "--retime", "--json")
    assert (done.code, done.json["findings"]) == (0, [])

    shown = {}
    for job in cvat.server.jobs(task["id"]):
        given = cvat.session.get(f"jobs/{job.id}/annotations/")
        for track in tracks_from_api(given, {}):
            for frame in range(job.start, min(job.stop, 28) + 1):
                outline = outline_at(track, frame)
                start = outline_of(track.shape, Placed(np.array(MOVING[track.shape], float), 0.0))
                off = outline - start - [100 * times[frame], 0]
                assert np.abs(off).max() <= 2.02, (track.shape, job.id, frame)
                other = shown.setdefault((track.shape, frame), outline)
                assert np.abs(outline - other).max() <= 0.02
    assert len(shown) == len(MOVING) * 29


def shape(frame, points, *, kind="rectangle", outside=False, **more):
    return {
        "type": kind, "frame": frame, "points": [float(each) for each in points],
        "outside": outside, "occluded": False, "z_order": 0, "rotation": 0.0, "attributes": [],
        **more,
    }  # fmt: skip


def annotate(cvat, task_id):
    """Put tracks, a shape and a tag into a task, and an issue with an answer."""
    project = cvat.server.find_project(cvat.project)
    labels = {label["name"]: label for label in cvat.server.project_labels(project.id)}
    car, person = labels["car"], labels["person"]
    (colour,) = car["attributes"]
    common = {"group": 0, "source": "manual"}
    blue = [{"spec_id": colour["id"], "value": "blue"}]
    boxes = [
        shape(1, [10, 5, 40, 50]),
        shape(4, [40, 5, 70, 50], occluded=True),
        shape(8, [80, 5, 110, 50], rotation=10.0),
        shape(12, [90, 5, 120, 50], outside=True),
    ]
    zone = [
        shape(2, [1, 1, 30, 1, 20, 30], kind="polygon"),
        shape(9, [5, 1, 40, 1, 30, 40], kind="polygon"),
    ]
    body = {
        "version": 0,
        "tags": [{"frame": 6, "label_id": car["id"], "attributes": blue, **common}],
        "shapes": [{**shape(7, [3, 4, 50, 60]), "label_id": person["id"], **common}],
        "tracks": [
            {"frame": 1, "label_id": car["id"], "attributes": blue, "shapes": boxes, **common},
            {"frame": 2, "label_id": person["id"], "attributes": [], "shapes": zone, **common},
        ],
    }  # fmt: skip
    cvat.session.request("PUT", f"tasks/{task_id}/annotations/", body=body)
    (job,) = cvat.server.jobs(task_id)
    issue = {"job": job.id, "frame": 8, "position": [1, 2, 30, 40], "message": "look"}
    made = cvat.session.post("issues", issue)
    cvat.session.post("comments", {"issue": made["id"], "message": "done"})


def told(cvat, task_id):
    """Return what is annotated in a task, frames by the numbers in the names of their images."""
    frames = [int(frame.name[-10:-4]) for frame in cvat.server.frames(task_id).frames]
    given = cvat.session.get(f"tasks/{task_id}/annotations/")
    keyframes = [
        [
            (frames[one["frame"]], one["outside"], one["occluded"], one["rotation"], one["points"])
            for one in sorted(track["shapes"], key=lambda one: one["frame"])
        ]
        for track in given["tracks"]
    ]
    return {
        "tracks": sorted(keyframes),
        "shapes": [(frames[one["frame"]], one["points"]) for one in given["shapes"]],
        "tags": [frames[one["frame"]] for one in given["tags"]],
        "values": sorted(v["value"] for one in given["tracks"] for v in one["attributes"]),
    }


def seen(cvat, task_id):
    """Return the outline on each image, by its number, of each track, by its shape."""
    frames = [int(frame.name[-10:-4]) for frame in cvat.server.frames(task_id).frames]
    tracks = tracks_from_api(cvat.session.get(f"tasks/{task_id}/annotations/"), {})
    return {
        track.shape: {frame: outline_at(track, place) for place, frame in enumerate(frames)}
        for track in tracks
    }


def test_annotations_go_to_the_new_task(cvat, dataset, prep, tmp_path):
    cvat.upload("--labels", "labels.yaml", "--jobs", "one")
    (old,) = (task["id"] for task in cvat.tasks() if task["name"] == dataset.name)
    annotate(cvat, old)
    before, seen_before = told(cvat, old), seen(cvat, old)
    (dataset / images(dataset)[5]).unlink()  # a keyframe of the first track is on it
    prep("validate", "ds")
    cvat.upload("--replace", "--carry", "--jobs", "one")
    (new,) = (task["id"] for task in cvat.tasks() if task["name"] == dataset.name)
    assert cvat.server.task(old) is None
    after, seen_after = told(cvat, new), seen(cvat, new)
    # Keyframes that were added keep it where it was between those that stayed.
    for shape_of_track, outlines in seen_after.items():
        for frame, outline in outlines.items():
            was = seen_before[shape_of_track][frame]
            assert (outline is None) == (was is None)
            assert outline is None or distance(outline, was) <= 0.5
    # What began to hold on the frame that is gone begins on the next: there it is hidden.
    first = next(track for track in after["tracks"] if track[0][0] == 1)
    assert (6, True) in [(one[0], one[2]) for one in first]
    stayed = {one[0] for track in before["tracks"] for one in track} - {5}
    assert [[one for one in track if one[0] in stayed] for track in after["tracks"]] == [
        [one for one in track if one[0] != 5] for track in before["tracks"]
    ]
    assert {k: after[k] for k in ("shapes", "tags", "values")} == {
        k: before[k] for k in ("shapes", "tags", "values")
    }
    (issue,) = cvat.session.list_all("issues", task_id=new)
    said = cvat.session.list_all("comments", job_id=issue["job"])
    assert sorted(one["message"] for one in said) == ["done", "look"]
    listed = (tmp_path / "ds" / f"cvat-not-carried-{old}.json").read_text()
    assert listed.count('"kind": "keyframe"') == 1


def test_what_was_saved_is_put_back(cvat, dataset, tmp_path):
    cvat.upload("--labels", "labels.yaml", "--jobs", "one")
    (task,) = (task["id"] for task in cvat.tasks() if task["name"] == dataset.name)
    annotate(cvat, task)
    before = told(cvat, task)
    saved = cvat.prep("annotations", "save", "ds", "--json")
    assert saved.code == 0, saved.err
    file = tmp_path / "ds" / f"cvat-annotations-{task}.json"
    cvat.session.request("PUT", f"tasks/{task}/annotations/", body={"version": 0, "tags": [],
                         "shapes": [], "tracks": []})  # fmt: skip
    done = cvat.prep("annotations", "restore", file)
    assert done.code == 0, done.err
    assert told(cvat, task) == before


def test_more_than_a_server_takes_at_once_is_put_back_in_portions(cvat, dataset, tmp_path):
    cvat.upload("--labels", "labels.yaml", "--jobs", "one")
    (task,) = (task["id"] for task in cvat.tasks() if task["name"] == dataset.name)
    (job,) = cvat.server.jobs(task)
    label = cvat.session.list_all("labels", task_id=task)[0]["id"]

    def put(count, left):
        shapes = [shape(f, [left, 5, left + f, 60]) for f in range(1, 5)]
        tracks = [{"frame": 1, "label_id": label, "group": each, "source": "manual",
                   "attributes": [], "shapes": shapes} for each in range(count)]  # fmt: skip
        body = {"version": 0, "tags": [], "shapes": [], "tracks": tracks}
        cvat.session.request("PUT", f"jobs/{job.id}/annotations/", body=body)

    put(400, 10)  # 5,600 with ten for each track
    before = told(cvat, task)
    assert cvat.prep("annotations", "save", "ds").code == 0
    file = tmp_path / "ds" / f"cvat-annotations-{task}.json"
    put(100, 20)
    done = cvat.prep("annotations", "restore", file, "--force")
    assert done.code == 0, done.err
    assert told(cvat, task) == before
    there = cvat.server.annotations(job.id)["tracks"]
    assert sorted(track["group"] for track in there) == [*range(400)]
    body = {"version": 0, "tags": [], "shapes": [], "tracks": there[:150]}
    path, query = f"jobs/{job.id}/annotations/", {"action": "delete"}
    cvat.session.request("PATCH", path, query=query, body=body)
    assert cvat.prep("annotations", "restore", file).code == 0
    ids = {track["id"] for track in cvat.server.annotations(job.id)["tracks"]}
    assert (len(ids), ids > {track["id"] for track in there[150:]}) == (400, True)


@pytest.mark.parametrize("kind", ["polyline", "rectangle"])
def test_what_jobs_that_overlap_show_is_put_back_once(kind, cvat, dataset, tmp_path):
    size = ("--jobs", "size", "--job-size", "8", "--overlap", "2")
    cvat.upload("--labels", "labels.yaml", *size)
    (task,) = (task["id"] for task in cvat.tasks() if task["name"] == dataset.name)
    (label, *_) = cvat.session.list_all("labels", task_id=task)
    shapes = [shape(f, [10 + 4 * f, 5, 40 + 4 * f, 60], kind=kind) for f in (0, 18)]
    track = {"frame": 0, "label_id": label["id"], "group": 0, "source": "manual", "attributes": [],
             "shapes": shapes}  # fmt: skip
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [track]}
    cvat.session.request("PUT", f"tasks/{task}/annotations/", body=body)

    def tracks_of_jobs():
        jobs = cvat.server.jobs(task)
        return [len(cvat.session.get(f"jobs/{job.id}/annotations/")["tracks"]) for job in jobs]

    before = tracks_of_jobs()
    assert before == [1, 1, 1]
    assert cvat.prep("annotations", "save", "ds", "--json").code == 0
    file = tmp_path / "ds" / f"cvat-annotations-{task}.json"
    done = cvat.prep("annotations", "restore", file, "--force")
    assert done.code == 0, done.err
    assert tracks_of_jobs() == before
    body["tracks"] = []
    cvat.session.request("PUT", f"tasks/{task}/annotations/", body=body)
    assert cvat.prep("annotations", "restore", file).code == 0
    assert tracks_of_jobs() == before


def test_each_job_has_what_a_track_for_the_task_would_be_there(cvat, dataset, tmp_path):
    """Jobs are annotated, saved and restored one by one; CVAT shows one track all the same."""
    size = ("--jobs", "size", "--job-size", "8", "--overlap", "2")
    cvat.upload("--labels", "labels.yaml", *size)
    (task,) = (task for task in cvat.tasks() if task["name"] == dataset.name)
    jobs = [job.id for job in cvat.server.jobs(task["id"])]

    def in_jobs():
        told = (cvat.session.get(f"jobs/{job}/annotations/")["tracks"] for job in jobs)
        return [
            [[(s["frame"], s["points"], s["outside"]) for s in t["shapes"]] for t in own]
            for own in told
        ]

    (tmp_path / "tracks").mkdir()
    # Frame 3 of the video was rejected, a cut is before frame 9 of the task: on either side of a
    # break there is a keyframe, and at either end of a straight line.
    frames = [f for f in range(20) if f != 3]
    lines = [f"{f + 1},1,{10 + 4 * n},5,30,60,1,-1,-1,-1" for n, f in enumerate(frames)]
    (tmp_path / "tracks" / f"{dataset.name}.txt").write_text("\n".join(lines))
    command = ("annotate", "ds", "--project", cvat.project, "--tracks", "tracks", "--label")
    done = cvat.prep(*command, "person", "--json")
    assert done.code == 0, done.out + done.err
    there = in_jobs()
    assert [len(own) for own in there] == [1, 1, 1]
    labels = {
        each["name"]: each["id"] for each in cvat.session.list_all("labels", task_id=task["id"])
    }
    shapes = [shape(n, [10 + 4 * n, 5, 40 + 4 * n, 65]) for n in (0, 2, 3, 8, 9, 18)]
    track = {"frame": 0, "label_id": labels["person"], "group": 0, "source": "auto",
             "attributes": [], "shapes": shapes}  # fmt: skip
    body = {"version": 0, "tags": [], "shapes": [], "tracks": [track]}
    path = f"tasks/{task['id']}/annotations/"
    cvat.session.request("PUT", path, body=body)
    assert in_jobs() == there
    assert len(cvat.session.get(path)["tracks"]) == 1

    # Somebody has moved it in the second job alone.
    (piece,) = cvat.session.get(f"jobs/{jobs[1]}/annotations/")["tracks"]
    for each in piece["shapes"]:
        each["points"] = [value + 3 for value in each["points"]]
    body["tracks"] = [piece]
    change = {"action": "update"}
    cvat.session.request("PATCH", f"jobs/{jobs[1]}/annotations/", query=change, body=body)
    before = in_jobs()
    assert before[1] != there[1]
    assert cvat.prep("annotations", "save", "ds", "--json").code == 0
    body["tracks"] = []
    cvat.session.request("PUT", path, body=body)
    file = tmp_path / "ds" / f"cvat-annotations-{task['id']}.json"
    done = cvat.prep("annotations", "restore", file)
    assert done.code == 0, done.err
    assert in_jobs() == before


def test_ground_truth_is_work_too(cvat, dataset, tmp_path):
    cvat.upload("--labels", "labels.yaml", "--ground-truth", "0.2")
    (task,) = (task["id"] for task in cvat.tasks() if task["name"] == dataset.name)
    (label, *_) = cvat.session.list_all("labels", task_id=task)
    (job,) = (job for job in cvat.server.all_jobs(task) if job.type == "ground_truth")
    frame = cvat.session.get(f"jobs/{job.id}/data/meta")["included_frames"]
    frame = frame[0] if frame else job.start
    one = {**shape(frame, [1, 2, 30, 40]), "label_id": label["id"], "group": 0, "source": "manual"}
    body = {"version": 0, "tags": [], "tracks": [], "shapes": [one]}
    cvat.session.request("PUT", f"jobs/{job.id}/annotations/", body=body)
    (dataset / images(dataset)[0]).unlink()
    cvat.prep("validate", "ds")
    for how in ((), ("--carry",), ("--force",)):
        cvat.upload("--replace", *how, code=1)
        assert cvat.server.task(task) is not None


def test_a_training_set_has_what_cvat_exports(cvat, dataset, tmp_path):
    """On a real server, shape for shape; the stand-in makes no exports."""
    cvat.upload("--labels", "labels.yaml", "--jobs", "size", "--job-size", "12")
    (task,) = (each["id"] for each in cvat.tasks() if each["name"] == dataset.name)
    labels = {each["name"]: each for each in cvat.session.list_all("labels", task_id=task)}
    colour = labels["car"]["attributes"][0]["id"]

    def at(frame, points, kind="rectangle", **more):
        return {"type": kind, "frame": frame, "points": points, "outside": False, **more}

    def track(label, *shapes):
        frame = min(shape["frame"] for shape in shapes)
        return {"label_id": labels[label]["id"], "frame": frame, "shapes": [*shapes]}

    blue = {"attributes": [{"spec_id": colour, "value": "blue"}]}
    box, outline = [25, 5, 40, 20], [10, 10, 50, 12, 40, 60, 15, 40]
    out = {"outside": True}
    turned = at(15, [90, 45, 120, 65], rotation=40.0)
    first = at(2, [5, 5, 20, 20], occluded=True)
    fewer = at(9, [value + 20 for value in outline[:6]], "polygon")
    tracks = [
        track("car", at(0, [0, 0, 30, 20]), turned, at(18, [9, 9, 20, 20], **out)),
        {**track("car", first, at(6, box), at(8, box, **out)), **blue},
        track("person", at(1, outline, "polygon"), fewer, at(10, outline, "polygon", **out)),
        track("person", at(13, [60, 60, 65, 70], "ellipse"), at(17, [80, 60, 85, 70], "ellipse")),
    ]
    shapes = [{**at(4, [1, 2, 30, 40]), "label_id": labels["person"]["id"]}]
    body = {"version": 0, "tags": [], "shapes": shapes, "tracks": tracks}
    cvat.session.request("PUT", f"tasks/{task}/annotations/", body=body)
    gone = {"deleted_frames": [7]}
    cvat.session.request("PATCH", f"tasks/{task}/data/meta", body=gone)

    def read(folder):
        table = pq.read_table(tmp_path / folder / "annotations.parquet").to_pylist()
        return [each for each in table if each["label"]]

    done = cvat.prep("export", "ds", "--task", str(task), "--to", "parquet", "-o", "ours")
    assert done.code == 0, done.out + done.err
    ours = read("ours")
    indices = {index for index in range(20) if index != 3}  # frame 3 of the video was rejected
    assert {each["frame_index"] for each in ours} == indices - {8}
    cars = [each for each in ours if each["track_id"] == 1]
    assert [each["points"][0] for each in cars[:3]] == pytest.approx([0, 6, 12])
    assert len(cars) == 17  # of one track, though a job ends inside it
    assert {each["source"] for each in ours} == {"person", "cvat"}
    if cvat.host != REAL:
        return
    (tmp_path / "theirs.xml").write_bytes(exported(cvat, task))
    done = cvat.prep(
        "export", "ds", "--annotations", "theirs.xml", "--to", "parquet", "-o", "theirs"
    )
    assert done.code == 1, done.out + done.err  # it tells neither tracks nor who set what

    def facts(table):
        keys = ("frame_index", "label", "shape", "occluded", "attributes")
        return sorted(
            (*(each[key] for key in keys), [*each["points"], each["rotation"]]) for each in table
        )

    mine, theirs = facts(ours), facts(read("theirs"))
    assert [each[:-1] for each in mine] == [each[:-1] for each in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert one[-1] == pytest.approx(other[-1], abs=0.0101)


def exported(cvat, task):
    """Return what a server exports of a task as 'CVAT for images 1.1'."""
    query = {"format": "CVAT for images 1.1", "save_images": "false"}
    path = f"tasks/{task}/dataset/export"
    told = cvat.session.request("POST", path, query=query)
    request = json.loads(told.data)["rq_id"]
    deadline = time.monotonic() + 120
    while (state := cvat.session.get(f"requests/{quote(request, safe='')}"))[
        "status"
    ] != "finished":
        assert state["status"] != "failed", state["message"]
        assert time.monotonic() < deadline
        time.sleep(0.5)
    path = f"tasks/{task}/dataset/download"
    answer = cvat.session.request("GET", path, query={"rq_id": request})
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return archive.read("annotations.xml")
