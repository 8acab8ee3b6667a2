"""Images that are not sent: whether the server has them, before anything is made there."""

from collections.abc import Collection

from ...base.errors import InputError, printable
from ...base.words import listing
from ...cvat.server import CvatServer
from ...settings.cvat import UploadSettings


def refuse_missing(server: CvatServer, settings: UploadSettings, videos: Collection[str]) -> None:
    """Find out whether the server has the folder or the storage that the settings name.

    Args:
        server: that makes tasks of what is there.
        settings: name it, if the images are not sent.
        videos: their ids, of which each has a folder.

    Raises:
        InputError: it is not there, or has none of the videos.
    """
    if settings.cloud_storage is not None:
        if not server.has_cloud_storage(settings.cloud_storage):
            raise InputError(
                f"--cloud-storage {settings.cloud_storage}: CVAT shows you none with this id",
                "The address of its page in CVAT ('Cloud Storages') has its number.",
            )
    elif settings.share is not None:
        folder = settings.share.strip("/")
        there = server.shared_folders(folder)
        if there is None:
            raise InputError(
                f"--share '{printable(folder)}': CVAT has no such folder on its share",
                f"On it are {listing(sorted(server.shared_folders('') or ())) or 'no folders'}.",
            )
        if not set(there) & set(videos):
            raise InputError(
                f"--share '{printable(folder)}': there is no video of this dataset in that folder "
                f"of CVAT's share ({listing(sorted(videos))}); it has "
                f"{listing(sorted(there)) or 'no folders'}",
                "Name the folder that the dataset was copied into.",
            )
