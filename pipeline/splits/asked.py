"""How somebody wants images to be divided."""

from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import UsageError, printable
from ..base.words import listing
from ..dataset.store import SPLITS_NAME, Dataset
from ..settings.splits import SplitSettings
from ..settings.stages import BreakSettings
from .record import SplitRecord, fix, read_record


@dataclass(frozen=True)
class Asked:
    """How images are to be divided.

    ``file``: sides that a person wrote, if any. ``breaks``: what ends a run, for ``by: run``.
    """

    settings: SplitSettings = field(default_factory=SplitSettings)
    file: Path | None = None
    breaks: BreakSettings = field(default_factory=BreakSettings)

    def before(self, store: Dataset, target: Path) -> SplitRecord | None:
        """Return where videos stand already; ``None`` where images are not divided at all.

        Raises:
            UsageError: a record cannot be read, or the file names what is no video.
        """
        record = read_record(store.path / SPLITS_NAME) or read_record(target / SPLITS_NAME)
        if self.file is None:
            return record
        fixed = fix(record, self.file)
        known = {*store.video_ids(), *(record.videos if record else ())}
        if unknown := sorted(fixed.videos.keys() - known):
            raise UsageError(
                f"{printable(self.file)}: names {listing(unknown, 3)}, and there is no such video "
                "in the dataset. Correct the name, or take it out of the file."
            )
        return fixed

    def is_wanted(self, before: SplitRecord | None) -> bool:
        """Whether images are divided: someone asks for it, or did so once."""
        return before is not None or self.settings != SplitSettings()
