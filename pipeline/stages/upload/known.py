"""What of a plan is in CVAT already, as far as ``cvat.json`` tells; no server is asked."""

from collections.abc import Iterator, Mapping, Sequence

from ...base.guard import Failure
from ...base.words import listing, plural
from ...cvat.journal import Journal, TaskEntry, Upload
from ...cvat.login import find_address, is_server_named
from ...settings.cvat import CvatSettings, UploadSettings
from .decision import change_of
from .succession import Replacing
from .videos import Known, VideoPlan


def uploads_meant(journal: Journal, settings: UploadSettings, server: CvatSettings) -> list[Upload]:
    """Return the uploads of a dataset that the next one may go on with; one if that is clear."""
    host = find_address(server) if is_server_named(server) else None
    organization = server.organization
    return [
        each
        for each in journal.uploads
        if host in (None, each.host)
        and (organization is None or (organization or None) == each.organization)
        and settings.project in (None, each.project_name, str(each.project_id))
    ]


def tell_several(uploads: Sequence[Upload]) -> Iterator[str]:
    """Yield what there is to say where the plan cannot tell which upload is meant."""
    if len(uploads) > 1:
        places = [f"{each.project_name} ({each.host})" for each in uploads]
        yield (
            f"this dataset was uploaded into several projects: {listing(places)}. The plan is that "
            "of a new one; name one of them with --project, and its server with --host."
        )


def known_tasks(
    upload: Upload, plans: Mapping[str, VideoPlan | Failure], replacing: Replacing
) -> dict[str, Known]:
    """Return what is known of the tasks of a plan, by their names.

    Args:
        upload: what was made of the dataset so far.
        plans: the plan of each video.
        replacing: which tasks are made anew that are not as planned by now.
    """
    known: dict[str, Known] = {}
    for video_id, plan in plans.items():
        if isinstance(plan, Failure):
            continue
        entries = [e for e in upload.tasks if e.video == video_id and not e.is_spent]
        known |= _of_video(upload, plan, entries, replacing)
    return known


def _of_video(
    upload: Upload, plan: VideoPlan, entries: Sequence[TaskEntry], replacing: Replacing
) -> dict[str, Known]:
    complete = [e for e in entries if e.is_complete and not e.is_doomed]
    doomed = [e for e in entries if e.is_doomed]
    change = change_of(plan, complete)
    old = [e.task_id for e in doomed or complete]
    tasks, it = f"{plural(len(old), 'task')} {listing(old)}", plural(len(old), "it", "them")
    if doomed or (change and replacing.is_wanted):
        is_spared = not (doomed or replacing.forces or replacing.carries)
        spared = f", unless people have annotated {it}" * is_spared
        told = Known(message=f"in place of {tasks}{spared}.")
        return {part.task_name: told for part in plan.parts}
    if change:
        status = "changed" if complete[0].video_digest != plan.digest else "unchanged"
        stay = plural(len(old), "stays as it is", "stay as they are")
        message = f"{change}; {tasks} {stay}. 'prep upload --cvat --replace' makes {it} anew."
        return {part.task_name: Known(status, message=message) for part in plan.parts}
    by_part = {e.part: e for e in entries}
    return {part.task_name: _of_part(upload, by_part.get(part.number)) for part in plan.parts}


def _of_part(upload: Upload, entry: TaskEntry | None) -> Known:
    if entry is None:
        return Known()
    if entry.is_complete:
        return Known("unchanged", f"{upload.host}/tasks/{entry.task_id}")
    return Known("unfinished", message="its upload was cut off or failed; the next finishes it.")
