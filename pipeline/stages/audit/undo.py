"""Put back tracks as they were before they were changed."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from ...base.errors import InputError, UsageError, printable
from ...base.words import plural
from ...cvat.annotations import CvatAnnotations
from ...dataset.saved_annotations import MAKE_ROOM, load
from .mend import save_tracks, send
from .result import RetimeResult

Json = dict[str, Any]


def undo(server: CvatAnnotations, file: Path, folder: Path | None = None) -> RetimeResult:
    """Put the tracks that a retime or a join changed back as they were before.

    What is there by now is saved first: people may have gone on with it. That file puts all of this
    back in turn, and removes again what comes back here.

    Args:
        server: where they are.
        file: as `save_tracks` has written it.
        folder: where what is there is saved; beside the file if ``None``.

    Raises:
        UsageError: the file is not one that an audit of this server has written.
        DatasetError: what is there cannot be saved.
        CvatError: the server does not answer, lets nothing be changed, or has these jobs no more;
            `UnprovenError` where it shows something else.
    """
    server.refuse_read_only()
    saved = load(file)
    if not saved.is_part:
        raise UsageError(
            f"{printable(file)}: this holds all annotations of a task, not tracks that an "
            "audit has changed: 'prep annotations restore' puts it back."
        )
    if saved.host != server.host:
        raise UsageError(
            f"{printable(file)}: it is of {printable(saved.host)}, not of "
            f"{printable(server.host)}. Name that with --host."
        )
    absent = set(saved.absent)
    wanted = {int(track["job"]) for track in saved.tracks} | {job_id for job_id, _ in absent}
    if gone := sorted(wanted - {job.id for job in server.jobs(saved.task)}):
        raise InputError(
            f"{printable(file)}: {plural(len(gone), 'job')} {', '.join(map(str, gone))} of task "
            f"{saved.task}, where its tracks were, cannot be found, so nothing was changed",
            "If 'prep upload --replace' has made a new task, 'prep annotations restore' puts into "
            "it what that saved of the old one.",
        )
    names = server.named.names(saved.task)
    jobs: dict[int, list[Json]] = defaultdict(list)
    for track in saved.tracks:
        given = {key: value for key, value in track.items() if key != "job"}
        jobs[int(track["job"])].append(names.with_ids(given))
    ids = {track["id"] for track in saved.tracks} | {track_id for _, track_id in absent}
    there = {
        job_id: [track for track in server.of_job(job_id)["tracks"] if track["id"] in ids]
        for job_id in sorted(wanted)
    }
    known = {(job_id, track["id"]) for job_id, tracks in there.items() for track in tracks}
    coming = {(int(track["job"]), int(track["id"])) for track in saved.tracks} - known
    kept = save_tracks(folder or file.parent, server, saved.task, there, sorted(coming), MAKE_ROOM)
    leaving = {
        job_id: found
        for job_id, tracks in there.items()
        if (found := [track for track in tracks if (job_id, track["id"]) in absent])
    }
    send(server, saved.task, jobs, kept, leaving)
    return RetimeResult(saved.task, len(saved.tracks) + len(saved.absent), 0, kept)
