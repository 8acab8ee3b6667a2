"""The stage: the accounts of a dataset and of what was uploaded of it."""

import os
from dataclasses import dataclass

from ...base.errors import ExitCode, UsageError, printable
from ...cvat.journal import Journal
from ...cvat.server import CvatServer
from ...dataset.accounts import DatasetAccounts, balance_dataset
from ...dataset.store import Dataset, open_dataset
from .uploads import UploadAccount, account_uploads


@dataclass(frozen=True)
class StatusResult(DatasetAccounts):
    """The accounts of a dataset, and of its ``uploads``, each into one project."""

    uploads: tuple[UploadAccount, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        balances = all(upload.balances for upload in self.uploads)
        return max(super().exit_code, ExitCode.OK if balances else ExitCode.FINDINGS)


def status(dataset: str | os.PathLike[str], server: CvatServer | None = None) -> StatusResult:
    """Count a dataset anew and hold the counts against each other. Nothing is changed.

    Args:
        dataset: the folder that 'prep extract' wrote into.
        server: asked what it shows of the uploads to it; the others, or all if absent, are told as
            they were when they were made.

    Raises:
        InputError: there is no video in the dataset.
        UsageError: nothing of it was uploaded to the server.
        DatasetError: ``cvat.json`` cannot be read.
        CvatError: the server does not answer.
    """
    store = open_dataset(dataset)
    counted = balance_dataset(store)
    uploads = account_uploads(store, server)
    if server is not None and not any(upload.is_asked for upload in uploads):
        raise _nothing_there(store, server)
    return StatusResult(**vars(counted), uploads=uploads)


def _nothing_there(store: Dataset, server: CvatServer) -> UsageError:
    host = printable(server.host)
    elsewhere = Journal(store.path).organizations(server.host)
    if not elsewhere:
        return UsageError(
            f"{printable(store.path)}: nothing of this dataset was uploaded to {host} yet",
            "Run 'prep upload --cvat', or name the server it is on with --host.",
        )
    places = ", ".join(map(_within, elsewhere))
    return UsageError(
        f"{printable(store.path)}: this dataset was uploaded to {host} {places}, not "
        f"{_within(server.organization)}",
        "Leave out --organization.",
    )


def _within(organization: str | None) -> str:
    is_any = organization is not None
    return f"within organization {printable(organization)}" if is_any else "outside organizations"
