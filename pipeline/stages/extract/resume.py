"""Which videos of the dataset are the sources at hand: the resume key and its first half.

A committed video is left alone where both halves of its key hold: the source's identity (size and
modification time, else a hash of the content) and the digest of the settings.

A video is its content, not its name: one that was renamed, moved or swapped with another keeps its
id, and its record follows. The same content twice is one video. Whole files are read only where
sizes, beginnings and ends agree.
"""

import dataclasses
import functools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.errors import SourceChangedError, printable
from ...base.work import Link
from ...dataset.absent import AbsentSource
from ...dataset.accounts import balance
from ...dataset.records import Notice, SourceIdentity, VideoRecord
from ...dataset.store import Dataset
from ...video.identity import digest_ends, is_same_file, stat_identity
from ...video.sources import Source
from .result import Copy, Outcome

Identities = Mapping[Path, SourceIdentity]


@dataclass(frozen=True)
class Recognised:
    """What the sources at hand are.

    ``known``: the record of each that is in the dataset already, with the source as it is now.
    ``copies``: those that have the content of another file, and that file. ``read``: what was
    learnt of those that were read whole.
    """

    known: Mapping[Source, VideoRecord]
    copies: Mapping[Source, Path]
    read: Identities


def recognise(
    sources: Sequence[Source],
    records: Mapping[str, VideoRecord],
    identify_all: Callable[[Sequence[Source]], Identities],
) -> Recognised:
    """Return which sources are in the dataset already, and which are the same video twice.

    Of equal files, the one that is in the dataset counts, else the first. A source that has the
    path of a record, but other content, has that record too, unless the content it stood for is
    found elsewhere.

    Args:
        sources: those of this run, in order.
        records: those of the dataset, by id.
        identify_all: reads files whole; those that cannot be read are absent in what it returns.
    """
    known = _match_unread(sources, records.values())
    places = {record.id: source.path for source, record in known.items()}
    left = [source for source in sources if source not in known]
    read = identify_all([*_worth_reading(left, records.values())])
    of_content = defaultdict(list)
    for record in records.values():
        of_content[record.source.content].append(record)
    firsts: dict[object, Path] = {}
    copies: dict[Source, Path] = {}
    for source in left:
        if (identity := identity_of(source, read)) is None:
            continue
        # Its own record first, where there are several of this content.
        alike = sorted(of_content[identity.content], key=lambda r: r.source.path != identity.path)
        free = [r for r in alike if r.id not in places and not _is_elsewhere(r, source, read)]
        if free:
            known[source] = _followed(free[0], identity)
            places[free[0].id] = source.path
        elif alike:
            copies[source] = places.get(alike[0].id, Path(alike[0].source.path))
        elif firsts.setdefault(identity.content, source.path) != source.path:
            copies[source] = firsts[identity.content]
    at = {_place(r): r for r in records.values() if r.id not in places}
    changed = {s: at[s.path, s.stream] for s in left if (s.path, s.stream) in at}
    unknown = {s: r for s, r in changed.items() if s not in known and s not in copies}
    return Recognised(known | unknown, copies, read)


def identity_of(source: Source, read: Identities) -> SourceIdentity | None:
    """Return the identity of a source, if its file was read whole."""
    identity = read.get(source.path)
    return identity and dataclasses.replace(identity, stream=source.stream)


def _place(record: VideoRecord) -> tuple[Path, int | None]:
    return Path(record.source.path), record.source.stream


def _match_unread(
    sources: Iterable[Source], records: Iterable[VideoRecord]
) -> dict[Source, VideoRecord]:
    """Return the records of sources that need not be read: their size and time say enough.

    They are where they were; or, with the folder they are in, elsewhere under the same name.
    """
    in_place: dict[object, VideoRecord] = {}
    under_name: dict[object, VideoRecord] = {}
    for record in records:
        status = (record.source.size_bytes, record.source.mtime_ns)
        then = (status, record.source.stream)
        in_place.setdefault((record.source.path, then), record)
        if not os.path.exists(record.source.path):
            under_name.setdefault((record.source.name, then), record)
    known = {}
    for source in sources:
        path, now = os.fspath(source.path), (_stat(source.path), source.stream)
        if (path, now) in in_place:
            known[source] = in_place[path, now]
        elif (source.name, now) in under_name:
            record = under_name.pop((source.name, now))
            identity = dataclasses.replace(record.source, path=path)
            known[source] = dataclasses.replace(record, source=identity)
    return known


def _worth_reading(sources: Sequence[Source], records: Iterable[VideoRecord]) -> Iterator[Source]:
    """Yield the sources that may be a video of the dataset, or equal to one another; files once."""
    sources = [*{source.path: source for source in sources}.values()]
    ends, stat = functools.cache(digest_ends), functools.cache(_stat)
    of_size = defaultdict(list)
    for record in records:
        of_size[record.source.size_bytes].append(record.source)
    sized = [(source.path, status[0]) for source in sources if (status := stat(source.path))]
    sizes = Counter(size for _, size in sized)
    twins = Counter((size, ends(path)) for path, size in sized if sizes[size] > 1)

    def is_alike(path: Path, known: SourceIdentity) -> bool:
        is_there = stat(Path(known.path)) == (known.size_bytes, known.mtime_ns)
        return not is_there or ends(Path(known.path)) == ends(path)

    for source in sources:
        if (status := stat(source.path)) is None:
            continue
        size = status[0]
        is_twin = sizes[size] > 1 and twins[size, ends(source.path)] > 1
        if is_twin or any(is_alike(source.path, known) for known in of_size[size]):
            yield source


def check_unchanged(
    source: Source, record: VideoRecord, store: Dataset, link: Link
) -> tuple[Notice, ...]:
    """Return the notices of a video that is in the dataset already, missing images among them.

    Raises:
        InterruptedRunError: the link is stopped.
        SourceChangedError: the file is another one now.
    """
    if not is_same_file(source.path, record.source, link):
        raise SourceChangedError(
            f"{printable(source.path)}: the file has changed since '{record.id}' was extracted "
            "from it. Use --overwrite to replace the images, or another --output to keep both."
        )
    present = record.images.numbers_in(store.folder(record.id))
    if np.array_equal(present, np.arange(record.counts.frames_decoded)):
        return record.warnings  # each frame has its image, so nothing else needs to be read
    account = balance(store, record, store.read_frames(record.id))
    return (
        *record.warnings,
        *(
            Notice("files-missing", mismatch.message, next(iter(mismatch.frames), None))
            for mismatch in account.mismatches
        ),
    )


def tell_copies(
    copies: Mapping[Source, Path], ids: Mapping[Source, str], records: Mapping[str, VideoRecord]
) -> dict[Source, Copy]:
    """Return the outcomes of files that have the content of another one.

    Args:
        copies: those files, each with the other one.
        ids: those of the sources of this run.
        records: those of the dataset, by id.
    """
    at = {_place(record): record.id for record in records.values()}
    at |= {(source.path, source.stream): video_id for source, video_id in ids.items()}
    outcomes = {}
    for source, other in copies.items():
        path, video_id = source.path, at[other, source.stream]
        text = (
            f"{printable(path)} has the same content as {printable(other)}, which is the video "
            f"'{printable(video_id)}', so it was left out. Delete one of the two files, or leave "
            "it out of the inputs."
        )
        notices = (Notice("copy", text),)
        outcomes[source] = Copy(os.fspath(path), video_id, notices)
    return outcomes


def tell_moved(outcome: Outcome, was: SourceIdentity, now: SourceIdentity) -> Outcome:
    """Return an outcome that also tells where its source was before, if elsewhere."""
    old, new = Path(was.path), Path(now.path)
    if old == new:
        return outcome
    text = f"was {printable(old)}, is {printable(new)}; its id stays '{printable(outcome.id)}'."
    notice = Notice("renamed" if old.parent == new.parent else "moved", text)
    return dataclasses.replace(outcome, notices=(notice, *outcome.notices))


def find_absent(
    outcomes: Mapping[Source, Outcome], records: Mapping[str, VideoRecord]
) -> tuple[AbsentSource, ...]:
    """Return the videos of the dataset that none of the sources of a run stands behind.

    Args:
        outcomes: what became of each of the sources.
        records: those of the dataset before the run, by id.
    """
    there = {outcome.id for outcome in outcomes.values()}
    places = {(source.path, source.stream) for source in outcomes}
    absent = (record for record in records.values() if record.id not in there)
    return tuple(
        AbsentSource(
            record.id,
            record.source.path,
            is_gone=_place(record) in places or not os.path.isfile(record.source.path),
        )
        for record in absent
    )


def _is_elsewhere(record: VideoRecord, source: Source, read: Identities) -> bool:
    """Whether the file of a record is still there as it was, and is another one than this."""
    path = Path(record.source.path)
    if path in read:
        return path != source.path and read[path].sha256 == record.source.sha256
    try:
        return not path.samefile(source.path) and is_same_file(path, record.source)
    except OSError:
        return False


def _followed(record: VideoRecord, identity: SourceIdentity) -> VideoRecord:
    """Return a record whose source is the same content at another place, or of another time."""
    if record.source.path == identity.path:
        identity = dataclasses.replace(record.source, mtime_ns=identity.mtime_ns)
    return dataclasses.replace(record, source=identity)


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        return stat_identity(path)
    except OSError:
        return None
