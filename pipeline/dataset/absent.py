"""Videos of a dataset whose source is not at hand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AbsentSource:
    """The source of a video of the dataset that is not at hand.

    ``is_gone``: it is not even where it was any more, or another file is there.
    """

    id: str
    path: str
    is_gone: bool
