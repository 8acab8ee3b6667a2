"""What was uploaded, held against what CVAT shows at any time later; and a run that uploads."""

import json

import pytest
from helpers import media
from helpers.cvat import TASKS, USER, by_name
from helpers.datasets import images
from helpers.handmade import write_video


def mismatches(told):
    return {
        task["name"]: [(each["kind"], each["files"]) for each in task["mismatches"]]
        for video in told["videos"]
        for task in video["tasks"]
        if task["mismatches"]
    }


def test_all_balances(uploaded, asked, prep):
    for options in (("--cvat",), ()):
        told = asked("status", "ds", *options, code=0)
        assert (told["totals"]["frames_sent"], told["totals"]["frames_in_cvat"]) == (20, 20)
        counted = [
            (task["name"], task["kept"], task["frames_sent"], task["frames_in_cvat"])
            for video in told["videos"]
            for task in video["tasks"]
        ]
        assert counted == [
            ("a (1/2)", 6, 6, 6), ("a (2/2)", 6, 6, 6), ("b (1/2)", 6, 6, 6), ("b (2/2)", 2, 2, 2),
        ]  # fmt: skip
    assert "All balances: 20 frames sent = 20 frames in CVAT" in prep("status", "ds").out


def test_what_was_done_in_cvat_since_is_named(uploaded, asked, stand_in):
    one, two, three, four = (by_name(stand_in)[name] for name in TASKS)
    one.data.deleted_frames = [2, 5]
    frames = two.data.frames
    frames[0], frames[1] = frames[1], frames[0]
    three.data.frames[3].name = "other.jpg"
    stand_in.state.delete_task(four)
    told = asked("status", "ds", "--cvat", code=1)
    assert mismatches(told) == {
        "a (1/2)": [("frames-deleted", ["a-frame_000002.jpg", "a-frame_000005.jpg"])],
        "a (2/2)": [("frames-differ", [])],
        "b (1/2)": [("frames-differ", []), ("frames-differ", [])],
        "b (2/2)": [("task-gone", [])],
    }
    said = "\n".join(told["warnings"])
    assert "frame 0 in CVAT is a-frame_000007.jpg instead of a-frame_000006.jpg" in said
    assert "b-frame_000003.jpg is not in CVAT" in said
    assert "other.jpg is in CVAT, but not in the dataset" in said
    assert told["totals"]["frames_in_cvat"] == 18
    assert asked("status", "ds", code=0)["totals"]["frames_in_cvat"] == 20  # nobody was asked


def test_moved_tasks_and_jobs_cut_anew(uploaded, asked, stand_in):
    first = by_name(stand_in)[TASKS[0]]
    first.project = None
    stand_in.state.jobs_of(first)[0].stop_frame = 3
    told = asked("status", "ds", "--cvat", code=1)
    assert mismatches(told) == {"a (1/2)": [("task-moved", []), ("jobs-differ", [])]}


def test_a_task_that_was_renamed(uploaded, asked, prep, stand_in):
    first = by_name(stand_in)[TASKS[0]]
    first.name = "Monday"
    told = asked("status", "ds", "--cvat", code=1)
    assert mismatches(told) == {"a (1/2)": [("task-renamed", [])]}
    assert told["totals"]["frames_in_cvat"] == 20
    (said,) = told["warnings"]
    assert f"task {first.id} is called 'Monday' by now, not 'a (1/2)'" in said
    tasks = asked("upload", "--cvat", "ds", "--task-size", "6", code=0)["tasks"]
    assert {task["status"] for task in tasks} == {"unchanged"}


def test_a_dataset_that_changed_since(uploaded, asked, prep, stand_in, tmp_path):
    (uploaded / "a" / "a-frame_000004.jpg").unlink()
    assert prep("validate", "ds").code == 1
    for options in (("--cvat",), ()):
        told = asked("status", "ds", *options, code=1)
        named = mismatches(told)
        assert named["a (1/2)"][0] == named["a (2/2)"][0] == ("dataset-changed", [])
        assert "b (1/2)" not in named
    one, two = (by_name(stand_in)[name] for name in TASKS[:2])
    stand_in.state.delete_task(one)
    two.name = "Monday"
    told = asked("status", "ds", "--cvat", code=1)
    assert mismatches(told)["a (1/2)"] == [("task-gone", [])]
    (gone,) = (each for each in told["warnings"] if "task-gone" in each)
    # Without --replace, an upload would leave it: the others of this video are to be made anew too.
    assert "the dataset has other images than were uploaded; 'prep upload --cvat --repl" in gone
    (changed,) = (each for each in told["warnings"] if "dataset-changed" in each)
    assert "--replace' makes the task anew once it has its name and place again." in changed
    media.encode(tmp_path / "c.mp4", *media.X264)
    prep("extract", "c.mp4", "-o", "ds")
    assert "Not uploaded yet: c." in prep("status", "ds").out


def test_an_upload_that_was_cut_off(uploaded, asked):
    journal = json.loads((uploaded / "cvat.json").read_text())
    journal["uploads"][0]["tasks"][1]["is_complete"] = False
    (uploaded / "cvat.json").write_text(json.dumps(journal))
    for options in (("--cvat",), ()):
        told = asked("status", "ds", *options, code=1)
        assert mismatches(told) == {"a (2/2)": [("upload-unfinished", [])]}
        assert told["totals"]["frames_in_cvat"] == 14


def test_nothing_uploaded_there_and_no_server(uploaded, prep, tmp_path, stand_in):
    (uploaded / "cvat.json").unlink()
    done = prep("status", "ds", "--cvat", CVAT_HOST=stand_in.url, **USER)
    assert (done.code, "nothing of this dataset was uploaded" in done.err) == (2, True)
    assert prep("status", "ds", "--cvat").code == 2
    (uploaded / "cvat.json").write_text("{")
    done = prep("status", "ds")
    assert (done.code, "cannot be read" in done.err) == (2, True)


def test_a_run_uploads_and_the_report_links(stand_in, prep, tmp_path):
    media.encode(tmp_path / "in.mp4", *media.X264)
    (tmp_path / "labels.yaml").write_text("- car\n- person\n")
    (tmp_path / "c.yaml").write_text("upload:\n  labels: labels.yaml\n  project: Roads\n")
    arguments = ("run", "in.mp4", "-o", "ds", "-c", "c.yaml", "--cvat", "--host", stand_in.url)
    for status in ("uploaded", "unchanged"):
        done = prep(*arguments, **USER)
        assert (done.code, f"1 task: 1 {status}" in done.out) == (0, True)
    assert [project.name for project in stand_in.state.projects.values()] == ["Roads"]
    assert [label.name for label in stand_in.state.labels.values()] == ["car", "person"]
    (task,) = stand_in.state.tasks.values()
    assert [f.name for f in task.data.frames] == images(tmp_path / "ds" / "in")
    (link,) = json.loads((tmp_path / "ds" / "report.json").read_text())["videos"][0]["tasks"][
        "rows"
    ]
    assert link["url"] == f"{stand_in.url}/tasks/{task.id}"


def test_run_and_upload_count_frames_in_cvat_alike(stand_in, prep, tmp_path):
    media.encode(tmp_path / "in.mp4", *media.X264, frames=10)
    arguments = ("run", "in.mp4", "-o", "ds", "--cvat", "--json")
    uploaded = prep(*arguments, CVAT_HOST=stand_in.url, **USER)
    assert uploaded.json["totals"]["frames_in_cvat"] == 10
    (tmp_path / "ds/in/in-frame_000003.jpg").unlink()
    changed = prep(*arguments, CVAT_HOST=stand_in.url, **USER)
    upload = prep("upload", "--cvat", "ds", "--json", CVAT_HOST=stand_in.url, **USER)
    assert [task["status"] for task in upload.json["tasks"]] == ["changed"]
    for done in (changed, upload):
        assert (done.code, done.json["totals"]["frames_in_cvat"]) == (1, 10)


def test_a_run_that_cannot_upload_does_the_rest(stand_in, prep, tmp_path):
    media.encode(tmp_path / "in.mp4", *media.X264)
    wrong = {"CVAT_HOST": stand_in.url, "CVAT_USERNAME": "admin", "CVAT_PASSWORD": "wrong"}
    done = prep("run", "in.mp4", "-o", "ds", "--cvat", **wrong)
    assert (done.code, (tmp_path / "ds").exists()) == (4, False)  # before hours of work
    worker = stand_in.accounts.add_user("w", "pw", "worker")
    done = prep(
        *("run", "in.mp4", "-o", "ds", "--cvat", "--host", stand_in.url, "--json"),
        CVAT_USERNAME=worker.username,
        CVAT_PASSWORD="pw",
    )
    assert done.code == 4
    assert [(each["stage"], each["kind"]) for each in done.json["findings"]] == [
        ("upload", "cvat-permission")
    ]
    assert (tmp_path / "ds" / "report.html").exists()


# Organizations


@pytest.fixture
def in_teams(stand_in, prep, tmp_path):
    """A video of 4 frames, and what runs prep as a member of two organizations."""
    write_video(tmp_path / "ds", "v", 4)
    ann = stand_in.accounts.add_user("ann", "pw")
    for slug in ("team", "crew"):
        stand_in.accounts.add_organization(slug, ann)

    def run(verb, *arguments, code=0):
        done = prep(verb, "ds", "--json", "--host", stand_in.url, "--auth", "ann:pw", *arguments)
        assert done.code == code, done.out
        return done.json

    return run


def organizations(stand_in):
    return [project.organization.slug for project in stand_in.state.projects.values()]


def test_the_organization_of_the_upload_is_known(in_teams, stand_in, tmp_path):
    in_teams("upload", "--cvat", "--organization", "team")
    (task,) = in_teams("status", "--cvat")["videos"][0]["tasks"]
    assert (task["frames_in_cvat"], task["mismatches"]) == (4, [])
    stand_in.state.tasks[task["task_id"]].data.frames.pop()
    (task,) = in_teams("status", "--cvat", code=1)["videos"][0]["tasks"]
    assert task["frames_in_cvat"] == 3
    assert in_teams("audit")["totals"]["tasks"] == 1
    write_video(tmp_path / "ds", "w", 3)
    tasks = in_teams("upload", "--cvat", code=1)["tasks"]
    assert [each["status"] for each in tasks] == ["changed", "uploaded"]
    assert organizations(stand_in) == ["team"]


@pytest.mark.parametrize(
    ("named", "place"), [("crew", "within organization crew"), ("", "outside")]
)
def test_another_organization_that_is_named_is_heeded(in_teams, stand_in, named, place):
    in_teams("upload", "--cvat", "--organization", "team")
    for verb, told in (
        (("status", "--cvat"), f"within organization team, not {place}"),
        (("audit",), "no task of this dataset"),
    ):
        (error,) = in_teams(*verb, "--organization", named, code=2)["errors"]
        assert told in error["message"]
    in_teams("upload", "--cvat", "--organization", named)
    made = [project.organization for project in stand_in.state.projects.values()]
    assert [each and each.slug for each in made] == ["team", named or None]


def test_a_dataset_in_two_organizations(in_teams, stand_in):
    for slug in ("team", "crew"):
        in_teams("upload", "--cvat", "--organization", slug)
    _, other = in_teams("status", "--cvat")["videos"][0]["tasks"]
    stand_in.state.tasks[other["task_id"]].data.frames.pop()
    told = in_teams("status", "--cvat", code=1)["videos"][0]["tasks"]
    assert [each["frames_in_cvat"] for each in told] == [4, 3]
    told = in_teams("status", "--cvat", "--organization", "team")["videos"][0]["tasks"]
    assert [each["frames_in_cvat"] for each in told] == [4, 4]  # the other was not asked
    assert in_teams("audit")["totals"]["tasks"] == 2
    assert in_teams("audit", "--organization", "crew")["totals"]["tasks"] == 1
    (error,) = in_teams("upload", "--cvat", code=2)["errors"]
    assert "several organizations of" in error["message"]
    assert ": crew, team. Name one with --organization." in error["message"]
