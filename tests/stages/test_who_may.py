"""What people may not see or do in CVAT: nothing is made or called gone, and told is who may.

Outside of an organization people see what is theirs, in it as well what is assigned to them.
"""

import json

import pytest
from helpers.cvat import Caller, by_name, send
from helpers.cvat_stand_in import Fault, Kind
from helpers.handmade import STEADY, change_fates, film
from video_prep.base.errors import CvatPermissionError
from video_prep.cvat.denials import CvatHiddenError, describe_denial
from video_prep.dataset.frame_table import Fate

LABELS = [{"name": "car"}]


@pytest.fixture
def lab(stand_in, as_user, tmp_path):
    """A dataset uploaded in an organization, of which bob has all jobs; 'hand' is a worker."""
    accounts = stand_in.accounts
    ann, bob = (accounts.add_user(name, "pass") for name in ("ann", "bob"))
    hand = accounts.add_user("hand", "pass", "worker")
    accounts.add_organization("lab", ann, {bob: "worker", hand: "worker"})
    film(tmp_path / "ds", "a", STEADY)
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    done = as_user("ann", "upload", "ds", "--cvat", "--organization", "lab", "--project", "p",
                   "--labels", "labels.json", "--assignees", "bob")  # fmt: skip
    assert done[0] == 0, done
    (tmp_path / "a.txt").write_text("1,1,0,0,9,9\n")
    return by_name(stand_in)["a"]


@pytest.fixture
def as_user(prep, stand_in):
    """Run a command as somebody, and give the exit code and all that was told."""

    def run(user, *arguments):
        done = prep(*arguments, "--host", stand_in.url, "--auth", f"{user}:pass")
        return done.code, done.out + done.err

    return run


READING = {
    "status": (1, ("status", "ds", "--cvat")),
    "audit": (4, ("audit", "ds")),
    "audit of a task": (4, ("audit", "ds", "--task", "{}")),
    "save": (4, ("annotations", "save", "ds")),
    "annotate": (4, ("annotate", "ds", "--tracks", "a.txt")),
}


@pytest.mark.parametrize("what", READING)
def test_who_has_only_jobs_of_a_task_is_told_so_and_not_that_it_is_gone(what, lab, as_user):
    expected, arguments = READING[what]
    code, told = as_user("bob", *(each.format(lab.id) for each in arguments))
    assert code == expected
    assert "403" in told
    assert "to have jobs of it is not enough" in told.replace("\n", " ")
    assert "do not upload" in told
    for wrong in ("gone", "anew", "make a project", "token"):
        assert wrong not in told
    code, told = as_user("ann", *(each.format(lab.id) for each in arguments))
    assert code == 0, told


def test_an_upload_by_who_sees_nothing_of_the_first_makes_nothing(lab, as_user, stand_in):
    before = [*stand_in.state.projects], [*stand_in.state.tasks]
    for more in ((), ("--project", "p"), ("--project", "1"), ("--replace", "--force")):
        code, told = as_user("bob", "upload", "ds", "--cvat", *more)
        assert code == 4
        assert "CVAT does not let you see project 1" in told
        assert "or have project 1 assigned to you" in told
    assert ([*stand_in.state.projects], [*stand_in.state.tasks]) == before


def test_a_task_that_somebody_took_into_a_project_of_theirs_is_not_made_anew(
    lab, as_user, stand_in, tmp_path
):
    call = Caller(stand_in)
    theirs = call("POST", "/api/projects", {"name": "q"}).json["id"]
    lab.organization = None
    lab.owner, lab.project = stand_in.admin, stand_in.state.projects[theirs]
    code, told = as_user("ann", "upload", "ds", "--cvat")
    assert (code, f"CVAT does not let you see task {lab.id}" in told) == (4, True)
    assert len(stand_in.state.tasks) == 1
    code, told = as_user("ann", "status", "ds", "--cvat", "--json")
    (task,) = json.loads(told)["videos"][0]["tasks"]
    assert [each["kind"] for each in task["mismatches"]] == ["task-hidden"]
    assert task["frames_in_cvat"] is None
    change_fates(tmp_path / "ds", "a", [1], Fate.DUPLICATE)
    code, told = as_user("ann", "status", "ds", "--cvat", "--json")
    changed, hidden = json.loads(told)["videos"][0]["tasks"][0]["mismatches"]
    assert (changed["kind"], hidden["kind"]) == ("dataset-changed", "task-hidden")
    assert "who may see the task makes it anew by 'prep upload --cvat" in changed["message"]
    assert "let its owner run the command" in hidden["message"]


def test_what_was_saved_is_not_put_where_one_sees_nothing(lab, as_user, tmp_path):
    assert as_user("ann", "annotations", "save", "ds")[0] == 0
    (saved,) = (tmp_path / "ds").glob("cvat-annotations-*")
    code, told = as_user("bob", "annotations", "restore", saved, "--organization", "lab")
    assert (code, f"CVAT does not let you see task {lab.id}" in told) == (4, True)


def test_workers_are_told_who_makes_projects(lab, as_user, stand_in, tmp_path):
    film(tmp_path / "new", "a", STEADY)
    for more in ((), ("--organization", "lab")):
        code, told = as_user("hand", "upload", "new", "--cvat", *more)
        assert (code, "CVAT does not let you make a project" in told) == (4, True)
        assert "Accounts in CVAT's group 'worker' make none" in told
    assert len(stand_in.state.projects) == 1


def test_a_mistake_about_people_or_places_leaves_nothing_behind(stand_in, as_user, tmp_path):
    for name in ("ann", "robert", "roberta", "max"):
        stand_in.accounts.add_user(name, "pass")
    users = {user.username: user for user in stand_in.state.users.values()}
    team = {users[name]: "worker" for name in ("robert", "roberta")}
    stand_in.accounts.add_organization("lab", users["ann"], team)
    film(tmp_path / "ds", "a", STEADY)

    def refused(*arguments):
        code, told = as_user("ann", "upload", "ds", "--cvat", *arguments)
        assert code in (2, 4)
        assert (stand_in.state.projects, stand_in.state.tasks) == ({}, {})
        assert not (tmp_path / "ds" / "cvat.json").exists()
        return " ".join(told.split())

    lab = ("--organization", "lab")
    for option in ("--assignee", "--assignees"):
        told = refused(option, "robbert", *lab)
        assert "assignee 'robbert': there is no such user that you may see" in told
        assert "Did you mean 'robert', 'roberta'?" in told
    told = refused("--assignees", "ann,Robert,max", *lab)
    assert "assignees 'Robert', 'max': there are no such users" in told
    assert "members of the organization 'lab' alone" in told
    assert "The members of the organization 'lab' are ann, robert, roberta." in refused(
        "--assignees", "xyz", *lab
    )
    # Outside of an organization one sees nobody else.
    assert "name the --organization that you share with them" in refused("--assignees", "robert")
    assert "you are in no such organization (you are in: lab)" in refused("--organization", "lib")
    assert "project '77': CVAT shows none" in refused("--project", "77")
    assert "not in the range" in refused("--ground-truth", "5")


def test_who_sees_all_is_told_whom_there_is(stand_in, prep, tmp_path):
    film(tmp_path / "ds", "a", STEADY)
    stand_in.accounts.add_user("Zoë", "x")
    done = prep("upload", "ds", "--cvat", "--assignees", "nobody", "--host", stand_in.url,
                "--auth", "admin:secret")  # fmt: skip
    assert (done.code, "There are Zoë, admin." in done.err) == (4, True)


def test_an_organization_that_is_gone_is_not_a_task_that_is(lab, as_user, stand_in):
    stand_in.state.organizations.clear()
    for arguments in (("status", "ds", "--cvat"), ("audit", "ds"), ("upload", "ds", "--cvat")):
        code, told = as_user("ann", *arguments)
        assert code == 4
        assert "the organization 'lab' is not there any more" in told
        assert "anew" not in told


@pytest.mark.parametrize(
    ("method", "path", "doing", "who"),
    [
        ("GET", "tasks/5/annotations/", "see task 5", "if you own it or its project"),
        ("GET", "projects/5", "see project 5", "if it is assigned to you"),
        ("GET", "jobs/5", "see job 5", "those of a task"),
        ("GET", "users", "look into the organization 'lab'", "make you a member"),
        ("POST", "projects", "make a project", "group 'worker'"),
        ("POST", "tasks", "make a task", "the role of a supervisor"),
        ("POST", "jobs", "make a ground-truth job", "yours or assigned to you"),
        ("POST", "tasks/5/data/", "change task 5", "its owner"),
        ("DELETE", "tasks/5", "delete task 5", "its owner"),
        ("PATCH", "jobs/5/annotations/", "change job 5", "its owner"),
        ("POST", "issues", "do this", "administers CVAT"),
    ],
)
def test_each_refusal_tells_what_and_who(method, path, doing, who):
    error = describe_denial(method, path, "said", "lab")
    assert error.what == f"CVAT does not let you {doing} (said)"
    assert who in error.way_out
    is_seeing = doing.startswith("see")
    assert isinstance(error, CvatHiddenError) == is_seeing == (not error.ends_run)
    assert error.kind == CvatPermissionError.kind


def test_a_refusal_while_reading_a_task_is_told_of_that_task_alone(stand_in, prep, tmp_path):
    for name in ("a", "b"):
        film(tmp_path / "ds", name, STEADY)
    send(stand_in, tmp_path / "ds", labels=LABELS)
    hidden = by_name(stand_in)["a"].id
    is_it = lambda r: r.path == f"/api/tasks/{hidden}"  # noqa: E731
    stand_in.faults.add(Fault(Kind.REFUSE, match=is_it, status=403, times=9))
    done = prep("upload", "ds", "--cvat", "--json", "--host", stand_in.url, "--auth",
                "admin:secret")  # fmt: skip
    assert done.code == 4
    assert [(each["name"], each["status"]) for each in done.json["tasks"]] == [
        ("a", "failed"), ("b", "unchanged")
    ]  # fmt: skip
