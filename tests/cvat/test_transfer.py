"""Files sent in pieces: what the server has in the end is what was sent, whatever comes between."""

from types import SimpleNamespace

import pytest
from video_prep.base.errors import CvatUncertainError
from video_prep.cvat.transfer import Transfer
from video_prep.cvat.waits import Waits

MIB = 2**20
CONTENT = (bytes(range(251)) * 17_000)[: 4 * MIB + 100]


class Archive:
    size_bytes = len(CONTENT)

    def read(self, offset):
        while offset < len(CONTENT):
            yield CONTENT[offset : offset + 70_000]
            offset += 70_000


class Server:
    """A session with a server.

    ``kept``: of the pieces with these numbers it keeps only so many bytes. ``ahead``: after these
    it claims to have so many bytes more than it has.
    """

    waits = Waits(piece_seconds=0)
    origin = "https://proxy"

    def __init__(self, kept, ahead=None):
        self.ahead = ahead or {}
        self.times_asked = 0
        self.kept, self.file, self.begins = kept, b"", []

    def request(self, method, path, headers, **_):
        if method == "POST":
            assert headers["Origin"] == "https://proxy"
            return SimpleNamespace(headers={"Location": f"https://proxy/api/{path}the-file"})
        assert (method, path) == ("HEAD", "tasks/5/data/the-file")
        self.times_asked += 1
        return SimpleNamespace(headers={"Upload-Offset": str(len(self.file))})

    def send_stream(self, method, path, stream, headers, accept):
        assert (method, path) == ("PATCH", "tasks/5/data/the-file")
        piece, begins = b"".join(stream), int(headers["Upload-Offset"])
        assert len(piece) == int(headers["Content-Length"])
        self.begins.append(begins)
        if begins != len(self.file):
            assert 409 in accept
            return SimpleNamespace(status=409, headers={})
        self.file += piece[: self.kept.get(len(self.begins), len(piece))]
        reached = len(self.file) + self.ahead.get(len(self.begins), 0)
        return SimpleNamespace(status=204, headers={"Upload-Offset": str(reached)})

    def pause(self, seconds):
        assert seconds == 0


def send(server):
    """Return how many bytes were told to be sent, all in all."""
    told = []
    Transfer(server, 5).send(Archive(), "images.zip", MIB, told.append)
    return sum(told)


@pytest.mark.parametrize(
    ("kept", "begins"),
    [
        ({}, [0, MIB, 2 * MIB, 3 * MIB, 4 * MIB]),
        ({2: MIB - 1}, [0, MIB, 2 * MIB - 1, 3 * MIB - 1, 4 * MIB - 1]),
        ({2: 0}, [0, MIB, MIB, 2 * MIB, 3 * MIB, 4 * MIB]),
        ({5: 99}, [0, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 4 * MIB + 99]),
        ({5: 0}, [0, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 4 * MIB]),
    ],
    ids=[
        "all",
        "one byte less",
        "none of a piece",
        "one byte less of the last",
        "none of the last",
    ],
)
def test_what_the_server_kept_only_in_part_is_sent_again(kept, begins):
    server = Server(kept)
    assert send(server) == len(CONTENT)
    assert server.file == CONTENT
    assert server.begins == begins


def test_a_server_that_claims_more_than_was_sent_is_asked_again():
    server = Server({}, ahead={2: 7})
    assert send(server) == len(CONTENT)
    assert server.file == CONTENT
    assert server.begins == [0, MIB, 2 * MIB, 3 * MIB, 4 * MIB]
    assert server.times_asked == 1


def test_a_server_that_never_keeps_a_piece_whole_is_given_up():
    server = Server(dict.fromkeys(range(1, 99), 0))
    with pytest.raises(CvatUncertainError, match="not where it should be in the file"):
        send(server)
    assert server.begins == [0] * 4
