"""The accounts: the same frames counted in independent ways, and a name for each difference.

::

    frames_decoded = kept + duplicates + sampled_out + rejected     in the frame table
    kept           = files_on_disk                                  on the disk

The frame table is the reference: `video.json` and the folder are held against it.
"""

import dataclasses
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import ExitCode, printable, unreadable
from ..base.guard import Failure, guard
from ..base.words import count, listing
from .absent import AbsentSource
from .frame_table import Fate, FrameTable, Reason
from .records import Counts, Notice, SourceIdentity, VideoRecord
from .store import Dataset
from .video_folder import FRAMES_NAME, RECORD_NAME, is_record

_FATE_COUNTS = ("frames_decoded", "kept", "duplicates", "sampled_out", "rejected")
_EXPLANATIONS = frozenset(("damage", "packets-differ", "header-differs"))
_AGAIN = "extract the video again with 'prep extract --overwrite'; the frame numbers stay the same"


@dataclass(frozen=True)
class Mismatch:
    """Two counts that differ, or a file or frame that one side does not know.

    ``kind`` is its name: ``records-differ``, ``image-missing``, ``image-added``, ``file-foreign``,
    or ``same-source``, where two videos of a dataset are one.
    ``frames`` and ``files`` say where; one of them may be empty. The message tells the likely cause
    and the way out.
    """

    kind: str
    message: str
    frames: tuple[int, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """The accounts of one video; where all is well, its size does not depend on the frames.

    ``counts`` is counted anew: the claims and packets of the record, the rows of the frame table,
    the files in the folder. ``explained`` says why header, packets and frames differ, where they
    do.
    """

    id: str
    counts: Counts
    explained: tuple[Notice, ...]
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, eq=False)
class Inventory:
    """What lies in the folder of a video.

    ``numbers``: int64, ascending, those in the names of images, which may be no frame's.
    ``foreign`` are the names that are no image's.
    """

    numbers: npt.NDArray[np.int64]
    foreign: tuple[str, ...]


@dataclass(frozen=True)
class DatasetAccounts:
    """The accounts of a dataset.

    ``unreadable`` are the videos whose records cannot be read. ``foreign_folders`` are no videos of
    it. ``absent`` are the sources that are not where they were when they were extracted, which is
    no finding: the images are worth the same without them.
    """

    dataset: str
    videos: tuple[Account, ...]
    unreadable: tuple[Failure, ...]
    foreign_folders: tuple[str, ...]
    absent: tuple[AbsentSource, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        if self.unreadable:
            return ExitCode.SOME_FAILED
        if self.foreign_folders or any(account.mismatches for account in self.videos):
            return ExitCode.FINDINGS
        return ExitCode.OK


def balance_dataset(store: Dataset) -> DatasetAccounts:
    """Count a dataset anew and hold the counts against each other. Nothing is changed.

    Raises:
        DatasetError: it cannot be read.
    """
    accounts, unreadable, absent = [], [], []
    first: dict[tuple[str, int | None], str] = {}
    for video_id in store.video_ids():
        read = guard(functools.partial(_read, store, video_id), video_id, store.folder(video_id))
        if isinstance(read, Failure):
            unreadable.append(read)
            continue
        source, account = read
        if (other := first.setdefault(source.content, video_id)) != video_id:
            twice = _same_source(store, other)
            account = dataclasses.replace(account, mismatches=(*account.mismatches, twice))
        accounts.append(account)
        if not os.path.isfile(source.path):
            absent.append(AbsentSource(video_id, source.path, is_gone=True))
    return DatasetAccounts(
        dataset=os.fspath(store.path),
        videos=tuple(accounts),
        unreadable=tuple(unreadable),
        foreign_folders=tuple(store.foreign_folders()),
        absent=tuple(absent),
    )


def _read(store: Dataset, video_id: str) -> tuple[SourceIdentity, Account]:
    record, frames = store.read_video(video_id)
    return record.source, balance(store, record, frames)


def balance(store: Dataset, record: VideoRecord, frames: FrameTable) -> Account:
    """Return the accounts of one committed video.

    Raises:
        DatasetError: its folder cannot be read.
    """
    return balance_with(record, frames, take_inventory(store.folder(record.id), record))


def take_inventory(folder: Path, record: VideoRecord) -> Inventory:
    """Return what lies in the folder of a video; hidden files and prep's own are passed over.

    Raises:
        DatasetError: it cannot be read.
    """
    images = record.images
    numbers, foreign = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                number = images.number_of(entry.name)
                if number is not None and entry.is_file():
                    numbers.append(number)
                elif not is_record(entry.name) and not entry.name.startswith("."):
                    foreign.append(entry.name)
    except OSError as error:
        raise unreadable(folder, error) from error
    return Inventory(np.sort(np.array(numbers, dtype=np.int64)), tuple(sorted(foreign)))


def balance_with(record: VideoRecord, frames: FrameTable, inventory: Inventory) -> Account:
    """Return the accounts of one committed video, in whose folder somebody has looked already."""
    on_disk = inventory.numbers
    known = on_disk[on_disk < len(frames)]
    counts = dataclasses.replace(
        recount(record.counts, frames),
        files_on_disk=int(np.count_nonzero(frames.fate[known] == Fate.KEPT)),
    )
    mismatches = (
        *_differing_records(record.counts, counts),
        *_missing(frames, known),
        *_added(record, frames, on_disk),
        *_foreign(inventory.foreign),
    )
    explained = tuple(n for n in record.warnings if n.kind in _EXPLANATIONS)
    return Account(record.id, counts, explained, mismatches)


def recount(counts: Counts, frames: FrameTable) -> Counts:
    """Return the accounts with what the frame table says; the claims stay as they are."""
    kept = frames.count(Fate.KEPT)
    return dataclasses.replace(
        counts,
        frames_decoded=len(frames),
        kept=kept,
        duplicates=frames.count(Fate.DUPLICATE),
        sampled_out=frames.count(Fate.SAMPLED_OUT),
        rejected=frames.count(Fate.REJECTED),
        files_on_disk=kept,  # a frame without a file is rejected
    )


def may_have_image(frames: FrameTable) -> npt.NDArray[np.bool_]:
    """Return which frames may have an image file: bool, shape (frames,).

    A duplicate that was dropped while extracting has none; one that was marked later has, until
    it is deleted.
    """
    marked = (frames.fate == Fate.DUPLICATE) & (frames.crc32 >= 0)
    return np.asarray(marked | np.isin(frames.fate, (Fate.KEPT, Fate.REJECTED)))


def _differing_records(recorded: Counts, counted: Counts) -> Iterator[Mismatch]:
    differing = [
        f"{getattr(recorded, name):,} {name.replace('_', ' ')} instead of "
        f"{getattr(counted, name):,}"
        for name in _FATE_COUNTS
        if getattr(recorded, name) != getattr(counted, name)
    ]
    if differing:
        yield Mismatch(
            "records-differ",
            f"{RECORD_NAME} counts {', '.join(differing)}, which {FRAMES_NAME} has: one of them "
            f"was changed or comes from elsewhere; {_AGAIN}.",
        )


def _missing(frames: FrameTable, on_disk: npt.NDArray[np.int64]) -> Iterator[Mismatch]:
    wanted = np.flatnonzero((frames.fate == Fate.KEPT) | (frames.reason == Reason.MISSING))
    missing = np.setdiff1d(wanted, on_disk)
    if len(missing):
        yield Mismatch(
            "image-missing",
            f"{_images(missing)} gone from the disk: deleted, moved or renamed by hand; put back "
            f"what was there, or {_AGAIN}.",
            frames=tuple(missing.tolist()),
        )


def _added(
    record: VideoRecord, frames: FrameTable, on_disk: npt.NDArray[np.int64]
) -> Iterator[Mismatch]:
    added = np.setdiff1d(on_disk, np.flatnonzero(may_have_image(frames)))
    if len(added):
        yield Mismatch(
            "image-added",
            f"{_images(added)} on the disk, but left out by the records: copied there by hand, or "
            "under a wrong number; move away what is not meant.",
            frames=tuple(added.tolist()),
            files=record.images.names(added),
        )


def _foreign(files: tuple[str, ...]) -> Iterator[Mismatch]:
    if files:
        yield Mismatch(
            "file-foreign",
            f"{count(len(files), 'file does', 'files do')} not belong here ({listing(files)}): put "
            "there by hand or by another program; move away what is no image of prep.",
            files=files,
        )


def _same_source(store: Dataset, other: str) -> Mismatch:
    return Mismatch(
        "same-source",
        f"the same video as '{printable(other)}': the content of both sources is equal, so each "
        "frame is here twice, and would be annotated twice; 'prep remove ID -o "
        f"{printable(store.path)}' takes one of them away.",
    )


def _images(frames: npt.NDArray[np.int64]) -> str:
    if len(frames) == 1:
        return f"the image of frame {frames[0]} is"
    return f"{len(frames):,} images (frames {listing(frames.tolist())}) are"
