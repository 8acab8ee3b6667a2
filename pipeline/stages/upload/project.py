"""The project that a dataset goes into: the one of before, one that is there, or a new one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.errors import UsageError, printable
from ...cvat.journal import Journal, Upload
from ...cvat.labels import load_labels
from ...cvat.model import Project
from ...cvat.server import CvatServer
from ...dataset.store import Dataset
from ...settings.cvat import UploadSettings
from .source import refuse_missing


def labels_of(settings: UploadSettings) -> list[dict[str, Any]]:
    """Return the labels of a new project that the settings name, as CVAT's API takes them.

    Raises:
        UsageError: the file cannot be read, or CVAT would refuse a label or make no use of it.
    """
    return [] if settings.labels is None else load_labels(Path(settings.labels))


def enter_organization(server: CvatServer, journal: Journal) -> CvatServer:
    """Return the server in the organization that a person names, else in that of before.

    Raises:
        UsageError: there were several before.
    """
    earlier = journal.organizations(server.host)
    if server.names_organization or not earlier:
        return server
    if len(earlier) > 1:
        names = ", ".join("none ('')" if name is None else printable(name) for name in earlier)
        raise UsageError(
            f"this dataset was uploaded in several organizations of {printable(server.host)}: "
            f"{names}. Name one with --organization."
        )
    return server.within(earlier[0])


def open_project(
    server: CvatServer,
    journal: Journal,
    settings: UploadSettings,
    labels: Sequence[Mapping[str, Any]],
    store: Dataset,
) -> tuple[Project, list[str]]:
    """Return the project to upload into, and what a person should know of it.

    Args:
        server: where it is, or is made.
        journal: knows the one of before.
        settings: name it.
        labels: of a new one.
        store: the dataset, which gives a new one its name; it is made if its images can go there.

    Raises:
        InputError: images that are not sent are not where the server is to find them.
        UsageError: it is gone, not to be told from others, or lacks labels that were asked for.
        CvatHiddenError: it is there, and not for this user to see.
        CvatError: it cannot be found or made.
    """
    earlier = journal.find(server.host, server.organization)
    if settings.project is None and len(earlier) > 1:
        names = ", ".join(sorted(printable(upload.project_name) for upload in earlier))
        raise UsageError(
            f"this dataset was uploaded into several projects: {names}. Name one "
            "with 'prep upload --cvat --project'."
        )
    if settings.project is None and earlier:
        project = server.project(earlier[0].project_id)
        if project is None:
            raise UsageError(
                f"the project '{printable(earlier[0].project_name)}' (id {earlier[0].project_id}), "
                "into which this dataset was uploaded, is gone from CVAT, and its tasks with it. "
                "Name another one with 'prep upload --cvat --project'."
            )
    else:
        name = settings.project or store.path.name
        # A dataset's own name is never taken for an id.
        look_up = server.find_project if settings.project is None else server.look_up_project
        project = look_up(name)
        if project is None:
            _refuse_wrong(server, earlier, settings)
            refuse_missing(server, settings, store.video_ids())
            return server.create_project(name, labels), [] if labels else [
                f"the new project '{printable(name)}' has no labels; before annotating, add them "
                "in CVAT, or by 'prep upload --cvat --labels'."
            ]
    is_ours = project.id in {upload.project_id for upload in earlier}
    return project, _give_labels(server, project, labels, is_ours=is_ours)


def _refuse_wrong(server: CvatServer, earlier: Sequence[Upload], settings: UploadSettings) -> None:
    """Refuse a project that CVAT does not show, and that is not to be made.

    Raises:
        UsageError: it is named by an id.
        CvatHiddenError: it is there, and not for this user to see.
    """
    name = settings.project
    for upload in earlier:
        if name in (upload.project_name, str(upload.project_id)):
            server.project(upload.project_id)
    if name and name.isascii() and name.isdigit():
        raise UsageError(f"project '{name}': CVAT shows none with this id or name.")


def _give_labels(
    server: CvatServer, project: Project, labels: Sequence[Mapping[str, Any]], *, is_ours: bool
) -> list[str]:
    """Give a project of ours without labels these; return what a person should know of it.

    Raises:
        UsageError: one that has others lacks some of them.
    """
    there = {label["name"] for label in server.project_labels(project.id)}
    if labels and not there and is_ours:
        server.add_labels(project.id, labels)  # so far, nobody can have annotated anything
        return [
            f"the project '{printable(project.name)}' had no labels; it has those of the file now."
        ]
    lacking = [label["name"] for label in labels if label["name"] not in there]
    if lacking:
        raise UsageError(
            f"the project '{printable(project.name)}' lacks the labels "
            f"{', '.join(printable(name) for name in lacking)}. prep changes no project that is "
            "there: add them in CVAT, leave out the labels, or name a new project with 'prep "
            "upload --project'."
        )
    return []
