"""The stand-in CVAT server: as true as the recordings and the SDK can tell, and as broken as asked.

The recordings are of CVAT 2.54.1 and cvat-sdk 2.80.0.
"""

import base64
import http.client
import io
import itertools
import json
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import zipfile

import pytest
from cvat_sdk import make_client
from cvat_sdk.api_client import exceptions
from cvat_sdk.core.exceptions import BackgroundRequestException
from cvat_sdk.core.proxies.tasks import ResourceType
from cvat_sdk.core.uploading import DataUploader
from helpers.cvat import RECORDINGS, Caller, multipart
from helpers.cvat_stand_in import Fault, Kind, StandIn, WorkerFault, faults
from helpers.patience import wait_for
from helpers.prep import environment
from PIL import Image

BROKEN = {"BrokenPipeError", "ConnectionResetError", "RemoteDisconnected"}
RECORDED_HOST = "http://cvat.example:8080"
DATE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def picture(number, size=(64, 36), kind="JPEG"):
    made = io.BytesIO()
    Image.new("RGB", size, (number % 256, number // 256 * 8, 90)).save(made, kind)
    return made.getvalue()


def pictures(count, **options):
    return {f"v2-frame_{i:06d}.jpg": picture(i, **options) for i in range(count)}


def zipped(files, how=zipfile.ZIP_STORED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def manifest(names, width=64, height=36):
    lines = [{"version": "1.1"}, {"type": "images"}]
    for name in names:
        stem, dot, ending = name.rpartition(".")
        lines.append({"name": stem, "extension": dot + ending, "width": width, "height": height})
    return "\n".join(map(json.dumps, lines)).encode()


def lay_out(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return sorted(folder / name for name in files)


@pytest.fixture
def call(stand_in):
    return Caller(stand_in)


@pytest.fixture
def client(stand_in):
    with make_client(stand_in.url, credentials=("admin", "secret")) as made:
        made.config.status_check_period = 0.01
        yield made


# The recordings


def replay(stand_in, recording, call):
    """Send the recorded requests in order; return the recorded answers and ours."""
    for exchange in json.loads((RECORDINGS / recording).read_text()):
        body, kind = None, None
        sent = exchange["request_body"]
        if sent and "multipart" in sent:
            body, kind = multipart(
                {f"/data/img30/{k}": v for k, v in pictures(30, size=(640, 360)).items()}
            )
        elif sent is not None:
            body, kind = json.dumps(sent).replace("<redacted>", "secret"), "application/json"
        headers = {k.replace("-", "_"): v for k, v in exchange["request_headers"].items()}
        if kind:
            headers["Content_Type"] = kind
        path = exchange["path"] + "?" + urllib.parse.urlencode(exchange["query"])
        while any(not work.finished for work in stand_in.state.background.values()):
            time.sleep(0.005)
        reply = call(exchange["method"], path, body=body, **headers)
        yield exchange, reply


def comparable(body, host):
    """Blank out what differs from run to run."""
    text = json.dumps(body).replace(host, "HOST")
    return json.loads(DATE.sub("DATE", text))


def start_ids(stand_in, **first):
    for kind, number in first.items():
        stand_in.state.ids[kind] = itertools.count(number)


def check_replay(stand_in, recording, call):
    for number, (exchange, reply) in enumerate(replay(stand_in, recording, call)):
        where = f"{number}: {exchange['method']} {exchange['path']}"
        assert reply.status == exchange["status"], (where, reply.body)
        for name in ("Content-Type", "location"):
            told = exchange["response_headers"].get(name)
            ours = reply.headers.get(name)
            assert ours == (told and told.replace(RECORDED_HOST, stand_in.url)), where
        body = exchange["response_body"]
        if isinstance(body, dict) and "binary_length" in body:
            assert Image.open(io.BytesIO(reply.body)).size == (640, 360)
        elif isinstance(body, dict) and "key" in body:
            assert set(reply.json) == {"key"}
        elif body == "<streamed>":
            assert zipfile.ZipFile(io.BytesIO(reply.body)).namelist() == ["annotations.json"]
        elif body == "":
            assert reply.body == b""
        else:
            ours = comparable(reply.json, stand_in.url)
            assert ours == comparable(body, RECORDED_HOST), where


def test_the_recorded_run_is_answered_as_it_was(stand_in, call):
    start_ids(
        stand_in, task=10, data=10, label=19, job=37, tracks=37, tracked=91, issue=10, comment=19
    )
    check_replay(stand_in, "traffic-2.80.json", call)


def test_the_recorded_export_is_answered_as_it_was():
    with StandIn(polls=(0, 0)) as stand_in:
        start_ids(stand_in, task=116)
        call = Caller(stand_in)
        call.make(pictures(2))
        stand_in.worker.polls = (1, 0)
        check_replay(stand_in, "traffic-2.80-export.json", call)


# The SDK and the command line of CVAT


def test_the_sdk_makes_a_task_and_annotates_it(stand_in, client, tmp_path):
    images = lay_out(tmp_path, pictures(30))
    spec = {"name": "t", "labels": [{"name": "car"}], "segment_size": 10, "overlap": 2}
    task = client.tasks.create_from_data(spec, images)
    assert (task.size, task.mode, task.image_quality) == (30, "annotation", 70)
    assert [frame.name for frame in task.get_meta().frames] == [path.name for path in images]
    jobs = sorted(task.get_jobs(), key=lambda job: job.id)
    borders = [(job.start_frame, job.stop_frame) for job in jobs]
    assert borders == [(0, 9), (8, 17), (16, 25), (24, 29)]
    for number, path in enumerate(images):
        assert task.get_frame(number, quality="original").read() == path.read_bytes()

    (label,) = task.get_labels()
    box = {"type": "rectangle", "frame": 3, "points": [1.0, 2.0, 3.0, 4.0], "label_id": label.id}
    task.set_annotations({"shapes": [box]})
    (shape,) = task.get_annotations().shapes
    assert (shape.frame, shape.points, shape.label_id) == (3, [1.0, 2.0, 3.0, 4.0], label.id)
    task.remove_annotations(ids=[shape.id])
    assert task.get_annotations().shapes == []

    issue = client.issues.create(
        {"frame": 3, "position": [1.0, 2.0, 3.0, 4.0], "job": jobs[0].id, "message": "look"}
    )
    client.comments.create({"issue": issue.id, "message": "again"})
    assert [comment.message for comment in issue.get_comments()] == ["again", "look"]
    issue.update({"resolved": True})
    assert [one.resolved for one in jobs[0].get_issues()] == [True]

    jobs[1].update({"assignee": stand_in.admin.id, "state": "completed", "stage": "acceptance"})
    assert task.fetch().jobs.completed == 1
    task.remove_frames_by_ids([4, 5])
    assert jobs[0].get_meta().deleted_frames == [4, 5]
    assert jobs[1].get_meta().deleted_frames == []
    task.remove()
    with pytest.raises(exceptions.NotFoundException):
        client.tasks.retrieve(task.id)
    assert stand_in.state.issues == stand_in.state.comments == stand_in.state.jobs == {}


def test_the_sdk_finds_projects_tasks_users_and_organizations(stand_in, client):
    ann = stand_in.accounts.add_user("ann", "pw")
    stand_in.accounts.add_organization("lab", stand_in.admin, {ann: "worker"})
    labels = [{"name": "car"}, {"name": "bus", "color": "#00ff00"}]
    project = client.projects.create({"name": "one", "labels": labels})
    client.projects.create({"name": "one more"})
    assert [found.id for found in client.projects.list(name="one")] == [project.id]
    assert [found.name for found in client.projects.list(search="ONE")] == ["one more", "one"]
    logic = json.dumps({"and": [{"==": [{"var": "name"}, "one"]}, {"==": [{"var": "id"}, 1]}]})
    assert [found.id for found in client.projects.list(filter=logic)] == [project.id]
    assert [label.color for label in project.get_labels()] == ["#2080c0", "#00ff00"]

    task = client.tasks.create({"name": "t", "project_id": project.id, "subset": "Train"})
    assert [label.name for label in task.get_labels()] == ["car", "bus"]
    assert [found.id for found in client.tasks.list(project_id=project.id)] == [task.id]
    assert [found.id for found in client.tasks.list(name__contains="T")] == []
    assert project.fetch().task_subsets == ["Train"]
    assert (project.tasks.count, project.dimension) == (1, "2d")
    for number in range(25):
        client.tasks.create({"name": f"many {number}"})
    assert len(client.tasks.list()) == 26
    with pytest.raises(exceptions.ApiException, match="Invalid page"):
        client.api_client.tasks_api.list(page=4)

    (found,) = client.users.list(search="ann")
    assert found.id == ann.id
    assert [one.slug for one in client.organizations.list()] == ["lab"]
    client.organization_slug = "lab"
    inside = client.projects.create({"name": "inside"})
    assert [found.id for found in client.projects.list()] == [inside.id]
    client.organization_slug = ""
    assert {found.name for found in client.projects.list()} == {"one", "one more"}
    client.organization_slug = "none"
    with pytest.raises(exceptions.NotFoundException, match="none organization does not exist"):
        client.projects.list()


def test_cvat_cli_makes_a_task(stand_in, tmp_path):
    images = lay_out(tmp_path, pictures(3))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cvat_cli"),
            *("--server-host", stand_in.url, "--auth", "admin:secret"),
            *("task", "create", "by hand", "--labels", '[{"name": "car"}]'),
            *("--image_quality", "90", "--completion_verification_period", "0.05"),
            *("local", *map(str, images)),
        ],
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (task,) = stand_in.state.tasks.values()
    assert (task.name, len(task.data.frames), task.data.image_quality) == ("by hand", 3, 90)


# Who may do what


def test_a_read_only_token_reads_and_does_not_write(stand_in):
    reads = stand_in.accounts.add_access_token(stand_in.admin)
    writes = stand_in.accounts.add_access_token(stand_in.admin, read_only=False)
    with make_client(stand_in.url, access_token=reads) as client:
        assert client.users.retrieve_current_user().username == "admin"
        assert client.tasks.list() == []
        with pytest.raises(exceptions.ForbiddenException, match="do not have permission"):
            client.tasks.create({"name": "t"})
    with make_client(stand_in.url, access_token=writes) as client:
        assert client.tasks.create({"name": "t"}).id == 1
    with (
        make_client(stand_in.url, access_token="wrong") as client,
        pytest.raises(exceptions.UnauthorizedException, match="Invalid token"),
    ):
        client.tasks.list()


def test_log_in_and_log_out(stand_in, client):
    with pytest.raises(exceptions.ApiException) as wrong:
        make_client(stand_in.url, credentials=("admin", "wrong"))
    told = {"non_field_errors": ["Unable to log in with provided credentials."]}
    assert (wrong.value.status, json.loads(wrong.value.body)) == (400, told)
    cookies = client.api_client.get_common_headers()["Cookie"]
    session = Caller(stand_in, "")
    session.headers = {"Cookie": cookies}
    assert session("GET", "/api/users/self").json["username"] == "admin"
    refused = session("POST", "/api/tasks", {"name": "t"})
    assert (refused.status, refused.json["detail"]) == (403, "CSRF Failed: CSRF token missing.")
    client.logout()
    assert session("GET", "/api/users/self").status == 401


def test_nobody_gets_in_without_credentials(stand_in):
    anybody = Caller(stand_in, "")
    assert anybody("GET", "/api/server/about").json["version"] == "2.54.1"
    refused = anybody("GET", "/api/tasks")
    told = {"detail": "Authentication credentials were not provided."}
    assert (refused.status, refused.json) == (401, told)


def test_users_see_and_change_what_is_theirs(stand_in, call):
    accounts = stand_in.accounts
    ann, bob = accounts.add_user("ann", "pw"), accounts.add_user("bob", "pw", "worker")
    accounts.add_organization("lab", ann, {bob: "worker"})
    as_ann, as_bob = (
        Caller(stand_in, f"Bearer {accounts.add_access_token(user, read_only=False)}")
        for user in (ann, bob)
    )
    mine = as_ann.task("mine")
    theirs = call.task("theirs")
    assert as_ann("GET", f"/api/tasks/{theirs}").status == 403
    assert as_ann("GET", "/api/tasks/99").status == 404
    assert [task["id"] for task in as_ann("GET", "/api/tasks").json["results"]] == [mine]
    assert as_bob("POST", "/api/tasks", {"name": "t"}).status == 403
    assert as_bob("POST", "/api/tasks?org=lab", {"name": "t"}).status == 403
    # Outside an organization, people do not see each other.
    assert as_ann("PATCH", f"/api/tasks/{mine}", {"assignee_id": bob.id}).status == 403
    call("PATCH", f"/api/tasks/{mine}", {"assignee_id": bob.id})
    assert as_bob("GET", f"/api/tasks/{mine}").status == 200
    assert as_bob("DELETE", f"/api/tasks/{mine}").status == 403
    known = [user["username"] for user in as_ann("GET", "/api/users").json["results"]]
    assert known == ["ann"]
    known = [user["username"] for user in as_ann("GET", "/api/users?org=lab").json["results"]]
    assert known == ["bob", "ann"]
    (lab,) = stand_in.state.organizations.values()
    inside = as_ann("POST", "/api/projects?org=lab", {"name": "p"}).json
    assert inside["organization_id"] == lab.id
    outside = as_ann("POST", "/api/tasks", {"name": "t", "project_id": inside["id"]})
    assert outside.json == ["The task and its project should be in the same organization."]
    assert as_ann("GET", "/api/tasks?org=lab", X_Organization="other").status == 400


# Projects, labels, tasks


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, {"name": ["This field is required."]}),
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": "n" * 257}, {"name": ["Ensure this field has no more than 256 characters."]}),
        (
            {"name": "t", "segment_size": -1},
            {"segment_size": ["Ensure this value is greater than or equal to 0."]},
        ),
        ({"name": "t", "project_id": 7}, ["Project matching query does not exist."]),
        (
            {"name": "t", "project_id": 1, "labels": [{"name": "car"}]},
            ["Task must have only one of Label set or project_id"],
        ),
        (
            {"name": "t", "labels": [{"name": "car"}, {"name": "car"}]},
            ["All label names must be unique"],
        ),
        (
            {"name": "t", "labels": [{"name": "car"}, {"name": ""}]},
            {"labels": [{}, {"name": ["This field may not be blank."]}]},
        ),
        (
            {"name": "t", "labels": [{"name": "car", "type": "boat"}]},
            {"labels": [{"type": ['"boat" is not a valid choice.']}]},
        ),
    ],
)
def test_a_wrong_task_is_refused_with_the_reason(call, spec, told):
    call("POST", "/api/projects", {"name": "p"})
    refused = call("POST", "/api/tasks", spec)
    assert (refused.status, refused.json) == (400, told)
    assert call("GET", "/api/tasks").json["count"] == 0


def test_labels_come_back_whole(call):
    side = {"name": "side", "mutable": True, "input_type": "select", "values": ["left", "right"]}
    body = {
        "name": "person",
        "type": "skeleton",
        "sublabels": [{"name": "nose", "type": "points", "attributes": []}],
        "svg": '<circle data-label-name="nose"/>',
        "attributes": [{**side, "default_value": "left"}],
    }
    project = call("POST", "/api/projects", {"name": "p", "labels": [body, {"name": "car"}]}).json
    person, car = call("GET", f"/api/labels?project_id={project['id']}").json["results"]
    assert person["attributes"] == [{"id": 1, **side, "default_value": "left"}]
    (nose,) = person["sublabels"]
    assert (nose["name"], nose["type"], nose["has_parent"]) == ("nose", "points", True)
    assert person["svg"] == f'<circle data-label-id="{nose["id"]}"/>'
    assert "svg" not in car
    changed = [{"id": car["id"], "deleted": True}, {"name": "bus"}]
    call("PATCH", f"/api/projects/{project['id']}", {"labels": changed})
    found = call("GET", f"/api/labels?project_id={project['id']}").json["results"]
    assert [label["name"] for label in found] == ["person", "bus"]


def test_a_colour_too_long_for_the_database_is_an_error_of_the_server(call):
    labels = [{"name": "car", "color": "#123456789"}]
    assert call("POST", "/api/tasks", {"name": "t", "labels": labels}).status == 500


# Uploads


def test_what_a_task_tells_before_and_after_its_data_came(stand_in, call):
    task = call.task()
    fresh = call("GET", f"/api/tasks/{task}").json
    assert fresh["mode"] == ""
    assert {"size", "data", "image_quality"} & fresh.keys() == set()
    assert call("POST", f"/api/tasks/{task}/data/", Upload_Start="").status == 202
    started = call("GET", f"/api/tasks/{task}").json
    assert (started["size"], started["data_chunk_size"], started["mode"]) == (0, None, "")
    assert call("GET", f"/api/tasks/{task}/data/meta").json["chunks_updated_date"] is None
    stand_in.worker.running.clear()
    call.send(task, pictures(3))
    rq_id = call.finish(task).json["rq_id"]
    again = call.finish(task)
    assert (again.status, again.json) == (409, {"rq_id": rq_id})
    stand_in.worker.running.set()
    assert call.wait(rq_id)["status"] == "finished"
    again = call.finish(task)
    assert (again.status, again.json) == (400, "Adding more data is not supported")
    ready = call("GET", f"/api/tasks/{task}").json
    assert (ready["size"], ready["data_chunk_size"], ready["mode"]) == (3, 72, "annotation")


def test_a_request_is_queued_started_and_finished():
    with StandIn(polls=(2, 1)) as stand_in:
        call = Caller(stand_in)
        task = call.task()
        call.send(task, pictures(1))
        rq_id = call.finish(task).json["rq_id"]
        # By then it is; it is told to be later.
        wait_for(lambda: stand_in.state.background[rq_id].status == "finished")
        path = "/api/requests/" + urllib.parse.quote(rq_id, safe="")
        told = [call("GET", path).json["status"] for _ in range(3)]
        assert told == ["queued", "queued", "started"]
        assert call.wait(f"action=create&target=task&target_id={task}")["status"] == "finished"
        assert call("GET", "/api/requests").json["count"] == 1
        assert call("GET", "/api/requests/none").status == 404


@pytest.mark.parametrize(
    ("method", "order"),
    [
        ("lexicographical", ["f_1.jpg", "f_10.jpg", "f_2.jpg"]),
        ("natural", ["f_1.jpg", "f_2.jpg", "f_10.jpg"]),
        ("predefined", ["f_10.jpg", "f_1.jpg", "f_2.jpg"]),
    ],
)
def test_files_are_sorted_as_asked(call, method, order):
    files = {name: picture(0) for name in ("f_10.jpg", "f_1.jpg", "f_2.jpg")}
    task, _ = call.make(files, sorting_method=method)
    assert call.names(task) == order


def test_predefined_order_can_be_told(call):
    files = {name: picture(0) for name in ("a.jpg", "b.jpg", "c.jpg")}
    order = ["b.jpg", "c.jpg", "a.jpg"]
    task, _ = call.make(files, sorting_method="predefined", upload_file_order=order)
    assert call.names(task) == order
    task = call.task()
    call.send(task, files)
    refused = call.finish(task, sorting_method="predefined", upload_file_order=order[:2])
    assert refused.status == 400
    assert "Mismatching files: a.jpg (extra)" in refused.json[0]


def test_random_order_keeps_every_file(call):
    task, _ = call.make(pictures(20), sorting_method="random")
    assert sorted(call.names(task)) == sorted(pictures(20))


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_of_many_images(call, how):
    files = {f"v2/{name}": content for name, content in pictures(3000, size=(8, 8)).items()}
    files["v2/notes.txt"] = b"no image"
    task, ended = call.make({"all.zip": zipped(files, how)})
    assert ended["status"] == "finished"
    assert call.names(task) == sorted(files)[1:]
    path = f"/api/tasks/{task}/data/?type=frame&quality=original&number=2999"
    assert call("GET", path).body == files["v2/v2-frame_002999.jpg"]


def test_an_archive_in_predefined_order_needs_a_manifest(call):
    files = {name: picture(0) for name in ("b.jpg", "a.jpg")}
    _, ended = call.make({"all.zip": zipped(files)}, sorting_method="predefined")
    assert ended["status"] == "failed"
    assert ended["message"].startswith("FileNotFoundError: Can't find upload manifest file")
    listed = {"all.zip": zipped(files), "manifest.jsonl": manifest(["b.jpg", "a.jpg"])}
    task, _ = call.make(listed, sorting_method="predefined")
    assert call.names(task) == ["b.jpg", "a.jpg"]


def test_jobs_are_cut_where_the_mapping_says(call):
    names = sorted(pictures(10))
    jobs = [names[:3], names[3:4], names[5:]]
    task, _ = call.make(pictures(10), job_file_mapping=jobs)
    assert call.borders(task) == [(0, 2), (3, 3), (4, 8)]
    # What no job names is no part of the task.
    assert call.names(task) == [name for name in names if name != names[4]]
    told = call("GET", f"/api/tasks/{task}").json
    assert (told["segment_size"], told["overlap"]) == (0, 0)


@pytest.mark.parametrize(
    ("spec", "parameters", "message"),
    [
        ({"segment_size": 2}, {}, "job_file_mapping cannot be used with segment_size"),
        (
            {},
            {"sorting_method": "natural"},
            "job_file_mapping cannot be used with sorting_method",
        ),
        ({}, {"frame_filter": "step=2"}, "job_file_mapping cannot be used with frame_filter"),
        ({}, {"job_file_mapping": [["none.jpg"]]}, "Can't find file 'none.jpg' in the input files"),
    ],
)
def test_a_mapping_that_does_not_fit_fails_the_task(call, spec, parameters, message):
    mapping = {"job_file_mapping": [sorted(pictures(3))], **parameters}
    task, ended = call.make(pictures(3), {"name": "t", **spec}, **mapping)
    assert ended["status"] == "failed"
    assert ended["message"] == (
        "rest_framework.exceptions.ValidationError: "
        f"[ErrorDetail(string={message!r}, code='invalid')]\n"
    )
    assert call("GET", f"/api/tasks/{task}").json["size"] == 0


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ([], "This list may not be empty."),
        (
            [["a.jpg"], ["a.jpg"]],
            "The same file 'a.jpg' cannot be used multiple times in the job file mapping",
        ),
    ],
)
def test_a_wrong_mapping_is_refused_at_once(call, mapping, told):
    refused = call.finish(call.task(), job_file_mapping=mapping)
    assert (refused.status, refused.json) == (400, {"job_file_mapping": [told]})


def test_some_of_the_images(call):
    task, _ = call.make(pictures(20), start_frame=2, stop_frame=11, frame_filter="step=3")
    assert call.names(task) == [f"v2-frame_{i:06d}.jpg" for i in (2, 5, 8, 11)]
    meta = call("GET", f"/api/tasks/{task}/data/meta").json
    assert [meta[name] for name in ("size", "start_frame", "stop_frame")] == [4, 2, 11]
    assert meta["frame_filter"] == "step=3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "PIL.UnidentifiedImageError: cannot identify image file"),
        (b"not an image", "PIL.UnidentifiedImageError: cannot identify image file"),
        (picture(0)[:100], "OSError: Truncated File Read\n"),
    ],
)
def test_one_bad_image_fails_the_task_which_takes_another_upload(call, content, message):
    task, ended = call.make({**pictures(2), "bad.jpg": content})
    assert ended["status"] == "failed"
    assert ended["message"].startswith(message)
    assert ended["message"].endswith("\n")
    assert call("GET", f"/api/tasks/{task}").json["size"] == 0
    assert call.send(task, {"good.jpg": picture(0)}).status == 200
    assert call.finish(task).status == 202


def test_half_an_image_is_accepted_and_served_broken(call):
    whole = picture(0, size=(640, 360))
    half = whole[: len(whole) // 2]
    task, ended = call.make({"half.jpg": half, "really.jpg": picture(1, kind="PNG")})
    assert ended["status"] == "finished"
    path = f"/api/tasks/{task}/data/?type=frame&number=0&quality="
    assert call("GET", path + "original").body == half
    assert Image.open(io.BytesIO(call("GET", path + "compressed").body)).size == (640, 360)


def test_names_are_those_that_django_leaves(stand_in, call):
    files = {"/data/a/b&amp;c.jpg": picture(0), "C:\\x\\d.jpg": picture(1)}
    task, _ = call.make(files)
    assert call.names(task) == ["b&c.jpg", "d.jpg"]
    assert stand_in.requests[2].files == ["b&c.jpg", "d.jpg"]


def test_two_files_of_one_name_are_an_error_of_the_server(call):
    task = call.task()
    assert call.send(task, {"a/x.jpg": picture(0), "b/x.jpg": picture(1)}).status == 500
    assert call.send(task, {"x.jpg": picture(0)}).status == 200
    assert call.send(task, {"x.jpg": picture(0)}).status == 500
    assert call.wait(call.finish(task).json["rq_id"])["status"] == "finished"
    assert call.names(task) == ["x.jpg"]


def test_a_form_may_come_in_chunks_of_unknown_length(call):
    body, kind = multipart(pictures(2))
    task = call.task()
    sent = {"Upload_Multiple": "", "Content_Type": kind}
    chunks = iter([body[:500], body[500:]])
    assert call("POST", f"/api/tasks/{task}/data/", body=chunks, **sent).status == 200
    call.wait(call.finish(task).json["rq_id"])
    assert call.names(task) == sorted(pictures(2))


def test_the_share_and_a_manifest_on_it(stand_in, client):
    names = [f"v2/{name}" for name in pictures(4)]
    lay_out(stand_in.share, dict(zip(names, pictures(4).values(), strict=True)))
    (stand_in.share / "v2" / "manifest.jsonl").write_bytes(manifest(names, width=999))
    spec = {"name": "t", "labels": []}
    share = ResourceType.SHARE
    folder = client.tasks.create_from_data(spec, ["v2"], resource_type=share)
    assert [frame.name for frame in folder.get_meta().frames] == names
    assert (folder.get_meta().storage, folder.get_meta().frames[0].width) == ("share", 64)
    # A manifest is believed, and chooses nothing: files and order are those of the list.
    listed = [*names, "v2/manifest.jsonl"]
    believed = client.tasks.create_from_data(spec, listed, resource_type=share)
    assert [frame.width for frame in believed.get_meta().frames] == [999] * 4
    wrong = [*names[1:], "v2/manifest.jsonl"]
    with pytest.raises(BackgroundRequestException, match="Incorrect file mapping to manifest"):
        client.tasks.create_from_data(spec, wrong, resource_type=share)
    copied = client.tasks.create_from_data(
        spec, names, resource_type=share, data_params={"copy_data": True}
    )
    (stand_in.share / names[0]).unlink()
    assert copied.get_meta().storage == "local"
    assert copied.get_frame(0, quality="original").read() == picture(0)
    with pytest.raises(BackgroundRequestException, match="No such file or directory"):
        client.tasks.create_from_data(spec, names, resource_type=share)


def test_a_bucket_is_a_folder(stand_in, client, tmp_path):
    lay_out(tmp_path, {f"v2/{name}": content for name, content in pictures(4).items()})
    names = [f"v2/{name}" for name in pictures(4)]
    (tmp_path / "manifest.jsonl").write_bytes(manifest(names))
    bucket = stand_in.add_bucket(tmp_path)
    api = client.api_client.cloudstorages_api
    assert api.retrieve(bucket.id)[0].resource == "bucket"
    cloud = {"resource_type": ResourceType.SHARE}
    parameters = {"cloud_storage_id": bucket.id}
    task = client.tasks.create_from_data(
        {"name": "t", "labels": []}, names[1:3], data_params=parameters, **cloud
    )
    assert [frame.name for frame in task.get_meta().frames] == names[1:3]
    assert (task.data_cloud_storage_id, task.get_meta().storage) == (1, "cloud_storage")
    parameters["filename_pattern"] = "*_00000[02].jpg"
    task = client.tasks.create_from_data(
        {"name": "t", "labels": []}, ["manifest.jsonl"], data_params=parameters, **cloud
    )
    assert [frame.name for frame in task.get_meta().frames] == [names[0], names[2]]


# TUS


def tus(call, task, name="big.zip", size=10):
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = {"Upload_Length": str(size), "Upload_Metadata": told, "Origin": "http://h"}
    return call("POST", f"/api/tasks/{task}/data/", Tus_Resumable="1.0.0", **headers)


def test_a_file_in_pieces_is_begun_as_recorded(stand_in, call):
    start_ids(stand_in, task=442)
    ids, headers_of_nginx = {}, {"X_Forwarded_Host": "cvat.example"}
    for exchange in json.loads((RECORDINGS / "traffic-2.80-origin.json").read_text()):
        path, sent, headers = exchange["path"], exchange["request_body"], {}
        for recorded, ours in ids.items():
            path = path.replace(recorded, ours)
        if isinstance(sent, str):  # "<17096 bytes>"
            headers["body"], sent = b"x" * int(sent[1:].split()[0]), None
        for name, value in exchange["request_headers"].items():
            if name != "Authorization":
                headers[name.replace("-", "_")] = value
        if "through nginx" in exchange["note"]:
            headers |= headers_of_nginx
        reply = call(exchange["method"], path, sent, **headers)
        assert reply.status == exchange["status"], exchange["note"]
        told = exchange["response_headers"]
        for name in ("Upload-Offset", "Upload-Filename"):
            assert reply.headers.get(name) == told.get(name), exchange["note"]
        if "Upload-Filename" in told:
            place, _, recorded = told["Location"].rpartition("/")
            our_place, _, ids[recorded] = reply.headers["Location"].rpartition("/")
            assert our_place == place, exchange["note"]
    assert len(ids) == 4


def test_the_sdk_sends_large_files_in_pieces(stand_in, client, tmp_path, monkeypatch):
    monkeypatch.setattr("cvat_sdk.core.uploading.TUS_CHUNK_SIZE", 1000)
    (tmp_path / "all.zip").write_bytes(zipped(pictures(9)))
    task = client.tasks.create({"name": "t"})
    uploader = DataUploader(client, max_request_size=100)
    fault = Fault(Kind.CUT_ANSWER, match=lambda request: request.step == "Upload-Offset", times=2)
    stand_in.faults.add(fault)
    url = f"{stand_in.url}/api/tasks/{task.id}/data/"
    answer = uploader.upload_files(url, [tmp_path / "all.zip"], image_quality=70)
    client.wait_for_completion(json.loads(answer.data)["rq_id"])
    assert task.fetch().size == 9
    assert stand_in.faults.waiting == 0


def test_pieces_and_where_they_fit(call):
    task = call.task()
    made = tus(call, task)
    assert (made.status, made.headers["Upload-Filename"]) == (201, "big.zip")
    place = urllib.parse.urlsplit(made.headers["Location"]).path
    piece = call("PATCH", place, body=b"01234", Upload_Offset="0")
    assert (piece.status, piece.headers["Upload-Offset"]) == (204, "5")
    assert call("PATCH", place, body=b"01234", Upload_Offset="0").status == 409
    assert call("PATCH", place, body=b"0123456", Upload_Offset="5").status == 413
    head = call("HEAD", place)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("5", "10")
    assert call("PATCH", place, body=b"56789", Upload_Offset="5").status == 204
    assert call("HEAD", place).status == 500
    assert tus(call, task).status == 409
    assert tus(call, task, name="../../x").status == 400
    assert tus(call, task, name="huge.zip", size=2**40).status == 413


# Pictures


def test_a_chunk_of_a_job_is_made_ready_once(stand_in, call):
    task, _ = call.make(pictures(9), {"name": "t", "segment_size": 5}, chunk_size=3)
    for number in (0, 2, 4, 5, 8, 1):
        for quality in ("original", "compressed"):
            path = f"/api/tasks/{task}/data/?type=frame&number={number}&quality={quality}"
            assert call("GET", path).status == 200
    assert stand_in.chunks.made == [(1, 0), (1, 1), (2, 0), (2, 1)]


# Tracks over the borders of jobs


SHAPE = {"type": "rectangle", "frame": 1, "label_id": 1, "points": [1, 2, 3, 4]}


def track(*keyframes, label=1, step=10.0):
    """A box that moves ``step`` px a frame; the last keyframe ends it where it is negative."""
    shapes = [
        {
            "type": "rectangle",
            "frame": abs(frame),
            "points": [10 + abs(frame) * step, 20.0, 60 + abs(frame) * step, 80.0],
            "outside": frame < 0,
        }
        for frame in keyframes
    ]
    return {"label_id": label, "frame": abs(keyframes[0]), "shapes": shapes}


def put(call, files, keyframes, spec=None, **parameters):
    task, _ = call.make(
        pictures(files), {"name": "t", "labels": [{"name": "car"}], **(spec or {})}, **parameters
    )
    path = f"/api/tasks/{task}/annotations/"
    assert call("PUT", path, {"tracks": [track(*keyframes)]}).status == 200
    return task, call("GET", path).json["tracks"]


def frames_of(track):
    return [-shape["frame"] if shape["outside"] else shape["frame"] for shape in track["shapes"]]


def test_overlap_adds_keyframes_at_the_borders(call):
    spec = {"segment_size": 10, "overlap": 2}
    _, (read,) = put(call, 30, (0, 10, 20, -25), spec)
    assert frames_of(read) == [0, 8, 9, 10, 16, 17, 20, 24, -25]
    assert [shape["points"][0] for shape in read["shapes"]][:4] == [10, 90, 100, 110]


def test_without_overlap_a_track_is_cut_in_two(call):
    names = sorted(pictures(30))
    mapping = [names[:10], names[10:]]
    task, read = put(call, 30, (0, 20), job_file_mapping=mapping)
    assert [frames_of(part) for part in read] == [[0, 9, -10], [10, 20]]
    # The end is not kept: the job alone does not have it.
    jobs = sorted(job["id"] for job in call("GET", f"/api/jobs?task_id={task}").json["results"])
    (first,) = call("GET", f"/api/jobs/{jobs[0]}/annotations/").json["tracks"]
    assert frames_of(first) == [0, 9]
    # It has the id of the shape that it repeats.
    assert read[0]["shapes"][1]["id"] == read[0]["shapes"][2]["id"]


def test_a_track_in_one_job_is_left_alone(call):
    task, (read,) = put(call, 30, (0, 10, -20))
    assert frames_of(read) == [0, 10, -20]
    assert "keyframe" not in read["shapes"][0]
    path = f"/api/tasks/{task}/annotations/"
    more = {**read, "shapes": [*read["shapes"], {**track(5)["shapes"][0]}]}
    changed = call("PATCH", f"{path}?action=update", {"tracks": [more]})
    assert changed.status == 200
    (after,) = call("GET", path).json["tracks"]
    assert (after["id"], frames_of(after)) == (read["id"], [0, 5, 10, -20])
    kept = {shape["frame"]: shape["id"] for shape in read["shapes"]}
    assert {f: i for f, i in ((s["frame"], s["id"]) for s in after["shapes"]) if f != 5} == kept


def test_what_was_read_over_borders_cannot_be_sent_back_with_its_ids(call):
    spec = {"segment_size": 10, "overlap": 2}
    task, (read,) = put(call, 30, (0, 10, 20, -25), spec)
    path = f"/api/tasks/{task}/annotations/"
    before = call("GET", path).json
    refused = call("PATCH", f"{path}?action=update", {"tracks": [read]})
    assert refused.status == 400
    assert "duplicate key value" in refused.json
    assert call("GET", path).json == before


def test_actions_of_annotations(call):
    task, (one,) = put(call, 5, (0, -4))
    path = f"/api/tasks/{task}/annotations/"
    made = call("PATCH", f"{path}?action=create", {"tracks": [track(1, -3)]})
    assert [frames_of(new) for new in made.json["tracks"]] == [[1, -3]]
    with_id = call("PATCH", f"{path}?action=create", {"tracks": [one]})
    assert (with_id.status, with_id.json) == (400, {"tracks": [{"id": ["must be absent"]}]})
    call("PATCH", f"{path}?action=delete", {"tracks": [one]})
    left = call("GET", path).json["tracks"]
    assert [read["id"] for read in left] == [new["id"] for new in made.json["tracks"]]
    assert call("PATCH", path, {}).json == ["Please specify a correct 'action' for the request"]
    unknown = call("PUT", path, {"tracks": [track(0, label=9)]})
    assert (unknown.status, unknown.json) == (400, ["label_id `9` is invalid"])
    beyond = {"type": "rectangle", "frame": 99, "label_id": 1, "points": [1, 2, 3, 4]}
    assert call("PUT", path, {"shapes": [beyond]}).json["shapes"] == []
    short = {**beyond, "frame": 1, "points": [1]}
    told = {"shapes": [{"points": ["invalid length for shape type 'rectangle'"]}]}
    assert call("PUT", path, {"shapes": [short]}).json == told
    assert call("DELETE", path).status == 204
    assert call("GET", path).json["tracks"] == []


def test_attributes_have_their_defaults(call):
    fixed = {"name": "colour", "mutable": False, "input_type": "text", "values": [""]}
    moving = {"name": "side", "mutable": True, "input_type": "text", "values": [""]}
    labels = [
        {
            "name": "car",
            "attributes": [{**fixed, "default_value": "red"}, {**moving, "default_value": "l"}],
        }
    ]
    task, _ = call.make(pictures(9), {"name": "t", "labels": labels})
    sent = track(0, 4, 8)
    sent["shapes"][1]["attributes"] = [{"spec_id": 2, "value": "r"}]
    path = f"/api/tasks/{task}/annotations/"
    (told,) = call("PUT", path, {"tracks": [sent]}).json["tracks"]
    assert [told["attributes"], told["shapes"][0]["attributes"]] == [[], []]  # only when read
    (read,) = call("GET", path).json["tracks"]
    assert read["attributes"] == [{"spec_id": 1, "value": "red"}]
    assert [shape["attributes"][0]["value"] for shape in read["shapes"]] == ["l", "r", "r"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rotation": 361}, {"rotation": ["Ensure this value is less than or equal to 360."]}),
        ({"rotation": -1}, {"rotation": ["Ensure this value is greater than or equal to 0."]}),
        ({"frame": -1}, {"frame": ["Ensure this value is greater than or equal to 0."]}),
        ({"frame": "x"}, {"frame": ["A valid integer is required."]}),
        ({"type": "polygon"}, {"points": ["invalid length for shape type 'polygon'"]}),
        ({"type": "blob"}, {"type": ['"blob" is not a valid choice.']}),
        ({"type": "skeleton", "points": []},
         {"elements": ["at least one required for skeleton shape"]}),
        ({"attributes": [{"spec_id": 1, "value": "x" * 4097}]},
         {"attributes": [{"value": ["Ensure this field has no more than 4096 characters."]}]}),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_refused_with_the_reason(call, changed, told):
    task, _ = call.make(pictures(9))
    path = f"/api/tasks/{task}/annotations/"
    refused = call("PUT", path, {"shapes": [{**SHAPE, **changed}]})
    assert (refused.status, refused.json) == (400, {"shapes": [told]})
    assert call("GET", path).json["shapes"] == []


def test_attributes_must_be_those_of_the_label_and_of_their_place(call):
    values = {"input_type": "text", "values": [""]}
    attributes = [
        {"name": "a", "mutable": False, **values},
        {"name": "b", "mutable": True, **values},
    ]
    labels = [{"name": "car", "attributes": attributes}]
    task, _ = call.make(pictures(9), {"name": "t", "labels": labels})
    path = f"/api/tasks/{task}/annotations/"
    fixed, moving, none = ([{"spec_id": number, "value": "x"}] for number in (1, 2, 3))
    of_track = {**track(0, 4), "attributes": moving}
    of_shape = track(0, 4)
    of_shape["shapes"][0]["attributes"] = fixed
    told = []
    for body in (
        {"tracks": [of_track]},
        {"tracks": [of_shape]},
        {"tags": [{"frame": 0, "label_id": 1, "attributes": none}]},
    ):
        refused = call("PUT", path, body)
        told.append((refused.status, *refused.json))
    assert told == [(400, f"spec_id `{number}` is invalid") for number in (2, 1, 3)]


def test_every_digit_of_a_coordinate_is_kept(call):
    task, _ = call.make(pictures(2))
    path = f"/api/tasks/{task}/annotations/"
    points, rotation = [0.1 + 0.2, 1 / 3, 1e-7, 12345.678901234567], 12.345678901234
    shape = {**SHAPE, "points": points, "rotation": rotation}
    call("PUT", path, {"shapes": [shape]})
    (read,) = call("GET", path).json["shapes"]
    assert (read["points"], read["rotation"]) == (points, rotation)


def test_a_task_without_data_has_no_meta(call):
    task = call.task(labels=[{"name": "car"}])
    path = f"/api/tasks/{task}"
    answers = [
        call("GET", f"{path}/data/meta"),
        call("PATCH", f"{path}/data/meta", {"deleted_frames": []}),
        call("GET", f"{path}/data/?type=frame&number=0&quality=original"),
        call("PUT", f"{path}/annotations/", {}),
        call("PATCH", f"{path}/annotations/?action=create", {}),
        call("GET", f"{path}/annotations/"),
        call("GET", f"/api/jobs?task_id={task}"),
    ]
    assert [each.status for each in answers] == [500, 500, 500, 500, 400, 400, 200]


def test_a_ground_truth_job_has_its_frames_alone(call):
    task, _ = call.make(pictures(6))
    call("PATCH", f"/api/tasks/{task}/data/meta", {"deleted_frames": [1, 3]})
    wanted = {"type": "ground_truth", "task_id": task, "frame_selection_method": "manual"}
    assert call("POST", "/api/jobs", {**wanted, "frames": []}).status == 400
    job = call("POST", "/api/jobs", {**wanted, "frames": [4, 1]}).json
    path = f"/api/jobs/{job['id']}/data/meta"
    meta = call("GET", path).json
    assert (meta["size"], meta["included_frames"], meta["deleted_frames"]) == (2, [1, 4], [1])
    hidden = [frame["name"] == "placeholder.jpg" for frame in meta["frames"]]
    assert hidden == [number not in {1, 4} for number in range(6)]
    # What is deleted in it is deleted there alone.
    assert call("PATCH", path, {"deleted_frames": [4]}).json["deleted_frames"] == [1, 4]
    task_meta = call("GET", f"/api/tasks/{task}/data/meta").json
    assert (task_meta["deleted_frames"], task_meta["included_frames"]) == ([1, 3], None)
    told = call("GET", f"/api/tasks/{task}").json
    assert (told["validation_mode"], told["jobs"]["count"]) == ("gt", 2)
    (other,) = (one for one in call("GET", f"/api/jobs?task_id={task}").json["results"]
                if one["id"] != job["id"])  # fmt: skip
    assert call("DELETE", f"/api/jobs/{other['id']}").status == 400
    assert call("DELETE", f"/api/jobs/{job['id']}").status == 204


def test_what_is_gone_is_told_in_many_ways(call):
    task, made = call.make(pictures(2))
    (job,) = call("GET", f"/api/jobs?task_id={task}").json["results"]
    issue = {"frame": 0, "position": [1, 2], "message": "m"}
    call("DELETE", f"/api/tasks/{task}")
    request = urllib.parse.quote(made["id"], safe="")
    for answer, status in (
        (call("GET", f"/api/tasks/{task}"), 404),
        (call("GET", f"/api/labels?task_id={task}"), 500),
        (call("GET", f"/api/labels?project_id={task}"), 500),
        (call("GET", f"/api/jobs?task_id={task}"), 200),
        (call("GET", f"/api/requests/{request}"), 400),
        (call("POST", "/api/issues", {**issue, "job": job["id"]}), 400),
        (call("POST", "/api/comments", {"issue": 7, "message": "m"}), 400),
    ):
        assert answer.status == status


# What goes wrong on the way


def outcome(call, task, files):
    """What a request that sends files ended with: a status, or the name of an error."""
    try:
        return call.send(task, files).status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("fault", "told", "done"),
    [
        (Fault(Kind.REFUSE, status=503), {503}, False),
        (Fault(Kind.REFUSE, status=500), {500}, False),
        (Fault(Kind.DO_THEN_REFUSE, status=504), {504}, True),
        (Fault(Kind.CUT_REQUEST), BROKEN, False),
        (Fault(Kind.CUT_ANSWER), BROKEN, True),
        (Fault(Kind.LATE, seconds=0.1), {200}, True),
    ],
    ids=lambda value: value.kind.name if isinstance(value, Fault) else "",
)
def test_each_fault_of_a_request(stand_in, call, fault, told, done):
    task = call.task()
    call("POST", f"/api/tasks/{task}/data/", Upload_Start="")
    fault.at = len(stand_in.requests)
    stand_in.faults.add(fault)
    files = pictures(20, size=(640, 360))
    assert outcome(call, task, files) in told
    assert stand_in.state.tasks[task].data.client_files == (list(files) if done else [])
    assert stand_in.requests[fault.at].fault is fault.kind
    assert stand_in.faults.waiting == 0
    # Afterwards all is well; but what is there already is refused by the database.
    assert call.send(task, files).status == (500 if done else 200)


def test_an_answer_that_breaks_in_the_middle(stand_in, call):
    task, _ = call.make(pictures(30))
    stand_in.faults.add(Fault(Kind.CUT_MIDWAY))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        call("GET", f"/api/tasks/{task}/data/meta")
    assert call("GET", f"/api/tasks/{task}/data/meta").json["size"] == 30


@pytest.mark.parametrize(("kind", "made"), [(Kind.HANG, 0), (Kind.SILENT, 1)])
def test_an_answer_that_never_comes(stand_in, call, kind, made):
    stand_in.faults.add(Fault(kind))
    connection = http.client.HTTPConnection("127.0.0.1", stand_in.port, timeout=0.3)
    connection.request("POST", "/api/tasks", '{"name": "t"}', call.headers)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert len(stand_in.state.tasks) == made


def test_a_crash_leaves_bytes_to_which_the_next_attempt_appends(stand_in, call):
    files = pictures(4)
    task = call.task()
    stand_in.faults.add(Fault(Kind.CRASH, status=502))
    assert call.send(task, files).status == 502
    assert call.send(task, files).status == 200
    sizes = [(stand_in.state.tasks[task].data.folder / name).stat().st_size for name in files]
    doubled = [len(content) * (2 if i < 3 else 1) for i, content in enumerate(files.values())]
    assert sizes == doubled
    stand_in.faults.add(Fault(Kind.CRASH, status=502))
    assert call("POST", "/api/tasks", {"name": "lost"}).status == 502
    assert call("GET", "/api/tasks").json["count"] == 1


def test_patience_that_is_asked_for(stand_in, call):
    stand_in.faults.add(Fault(Kind.REFUSE, status=429, retry_after="3", times=2))
    for _ in range(2):
        refused = call("GET", "/api/tasks")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "3")
        told = "Request was throttled. Expected available in 3 seconds."
        assert refused.json == {"detail": told}
    assert call("GET", "/api/tasks").status == 200


def test_every_request_of_an_upload_can_be_broken(client, stand_in, tmp_path):
    images = lay_out(tmp_path, pictures(3))
    spec = {"name": "t", "labels": []}
    before = len(stand_in.requests)
    client.tasks.create_from_data(spec, images)
    walked = stand_in.requests[before:]
    assert [(request.method, request.step) for request in walked[:4]] == [
        ("POST", ""),
        ("POST", "Upload-Start"),
        ("POST", "Upload-Multiple"),
        ("POST", "Upload-Finish"),
    ]
    assert walked[2].files == [path.name for path in images]
    assert walked[2].body_size > sum(path.stat().st_size for path in images)
    assert walked[0].user_agent.startswith("cvat_sdk/")
    for offset in range(len(walked)):
        stand_in.faults.add(Fault(Kind.REFUSE, at=len(stand_in.requests) + offset, status=500))
        with pytest.raises(exceptions.ApiException) as broken:
            client.tasks.create_from_data(spec, images)
        assert broken.value.status == 500
        assert stand_in.faults.waiting == 0


def test_a_proxy_refuses_long_requests(call):
    with StandIn(max_request_size=20_000) as stand_in:
        call = Caller(stand_in)
        task = call.task()
        refused = call.send(task, {"a.jpg": b"x" * 3_000_000})
        assert refused.status == 413
        assert b"413 Request Entity Too Large" in refused.body
        assert stand_in.requests[-1].body_size > 3_000_000
        assert call.send(task, {"a.jpg": picture(0)}).status == 200


def test_a_restart_loses_what_is_unfinished_and_nothing_else(stand_in, call):
    ready, _ = call.make(pictures(2))
    task = call.task()
    place = urllib.parse.urlsplit(tus(call, task).headers["Location"]).path
    call.send(task, pictures(2))
    stand_in.worker.running.clear()
    rq_id = call.finish(task).json["rq_id"]
    stand_in.restart()
    stand_in.worker.running.set()
    assert call("HEAD", place).status == 500
    lost = call("GET", f"/api/requests/{urllib.parse.quote(rq_id, safe='')}")
    assert (lost.status, lost.body) == (404, b"There is no request with specified id")
    assert call("GET", f"/api/tasks/{task}").json["size"] == 0
    assert call("GET", f"/api/tasks/{ready}").json["size"] == 2
    assert (
        call.wait(call.finish(task).json["rq_id"])["status"] == "failed"
    )  # half of a zip is there


def test_connections_break_when_the_server_goes_away(stand_in, call):
    stand_in.faults.add(Fault(Kind.HANG))
    ended = []
    waiting = threading.Thread(target=lambda: ended.append(outcome(call, 1, pictures(1))))
    waiting.start()
    while not stand_in.requests[-1].fault:
        time.sleep(0.005)
    stand_in.restart()
    waiting.join(10)
    assert ended[0] in BROKEN


# What the worker does wrong


def test_creation_can_fail_and_hang(stand_in, call):
    stand_in.faults.add(WorkerFault(faults.fail("MemoryError")))
    task, ended = call.make(pictures(2))
    assert (ended["status"], ended["message"]) == ("failed", "MemoryError\n")
    stand_in.faults.add(WorkerFault(faults.lose_frame(7)))  # an error of the worker's own
    ended = call.wait(call.finish(task).json["rq_id"])
    told = "IndexError: list assignment index out of range\n"
    assert (ended["status"], ended["message"]) == ("failed", told)
    stand_in.faults.add(WorkerFault(faults.hang))
    path = "/api/requests/" + urllib.parse.quote(call.finish(task).json["rq_id"], safe="")
    assert {call("GET", path).json["status"] for _ in range(20)} <= {"queued", "started"}


@pytest.mark.parametrize(
    ("spoil", "names", "borders"),
    [
        (faults.lose_frame(1), "acde", [(0, 2), (3, 3)]),
        (faults.swap_frames(0, 4), "ebcda", [(0, 2), (3, 4)]),
        (faults.rename_frame(2, "z.jpg"), "abzde", [(0, 2), (3, 4)]),
        (faults.move_borders([(0, 0), (1, 4)]), "abcde", [(0, 0), (1, 4)]),
    ],
)
def test_frames_and_jobs_that_are_not_what_was_sent(stand_in, call, spoil, names, borders):
    stand_in.faults.add(WorkerFault(spoil, match=lambda task: task.name == "bad"))
    files = {f"{letter}.jpg": picture(i) for i, letter in enumerate("abcde")}
    spec = {"segment_size": 3, "overlap": 0}
    good, _ = call.make(files, {"name": "good", **spec})
    bad, ended = call.make(files, {"name": "bad", **spec})
    assert call.names(good) == sorted(files)
    assert ended["status"] == "finished"
    assert call.names(bad) == [f"{letter}.jpg" for letter in names]
    assert call.borders(bad) == borders


def test_pictures_that_are_not_what_was_sent(stand_in, call):
    def spoil(made):
        faults.truncate_frame(0, 50)(made)
        faults.replace_frame(1)(made)
        faults.resize_frame(2, 7, 8)(made)
        faults.swap_bytes(3, 4)(made)

    stand_in.faults.add(WorkerFault(spoil))
    files = pictures(5)
    task, _ = call.make(files)
    path = f"/api/tasks/{task}/data/?type=frame&quality=original&number="
    read = [call("GET", f"{path}{number}").body for number in range(5)]
    sent = list(files.values())
    assert read[0] == sent[0][:50]
    assert read[1] != sent[1]
    assert Image.open(io.BytesIO(read[1])).size == (64, 36)
    assert read[2:] == [sent[2], sent[4], sent[3]]
    meta = call("GET", f"/api/tasks/{task}/data/meta").json["frames"][2]
    assert (meta["width"], meta["height"]) == (7, 8)


# Manners


def test_several_tasks_at_once(stand_in):
    call = Caller(stand_in)
    sizes = {}
    threads = [
        threading.Thread(
            target=lambda count=count: sizes.update({count: call.make(pictures(count))[0]})
        )
        for count in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: len(stand_in.state.tasks[task].data.frames) for n, task in sizes.items()} == {
        count: count for count in range(1, 9)
    }


def test_nothing_is_left_or_said(capfd):
    with StandIn() as stand_in:
        call = Caller(stand_in)
        call("GET", "/api/nothing")
        stand_in.faults.add(Fault(Kind.CUT_ANSWER))
        with pytest.raises((OSError, http.client.HTTPException)):
            call("GET", "/api/tasks")
    assert not stand_in.folder.exists()
    with pytest.raises(ConnectionRefusedError):
        call("GET", "/api/tasks")
    assert capfd.readouterr() == ("", "")


def test_another_version(caplog):
    with StandIn(version="2.80.0") as stand_in, make_client(stand_in.url) as client:
        assert str(client.get_server_version()) == "2.80.0"
    assert caplog.text == ""
