"""Tracks that are in a job twice, because two runs have put them at the same time.

One of them may have been killed, while the server was still at what it had sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...cvat.annotations import CvatAnnotations

_DECIMALS = 2  # of what CVAT stores

Json = Mapping[str, Any]


def remove_twins(server: CvatAnnotations, job_id: int, planned: Sequence[Json]) -> int:
    """Remove tracks that a program has put into a job more often than meant; return how many.

    The first ones stay, so that two runs that do this at the same time remove the same ones.

    Args:
        server: where the job is.
        job_id: its id.
        planned: the tracks that are to be there, as CVAT's API takes them.

    Raises:
        CvatError: the server does not answer.
    """
    left = Counter(map(_content, planned))
    twins = []
    for track in sorted(server.of_job(job_id)["tracks"], key=lambda each: int(each["id"])):
        content = _content(track)
        if content in left and track.get("source") == "auto":
            left[content] -= 1
            if left[content] < 0:
                twins.append(track)
    if twins:
        server.delete_tracks(job_id, twins)
    return len(twins)


def _content(track: Json) -> tuple[Any, ...]:
    return track["label_id"], *(
        (
            shape["frame"],
            bool(shape.get("outside")),
            *(round(float(each), _DECIMALS) for each in shape["points"]),
        )
        for shape in track["shapes"]
    )
