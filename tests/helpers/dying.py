"""A process that dies at a request, or loses its server, without the cost of a process."""

import contextlib
import itertools
import threading

from video_prep.cvat.session import Session
from video_prep.dataset import files

from helpers.cvat_stand_in import Fault, Kind


class DiedError(BaseException):
    """The process is no more."""


def die_at(monkeypatch, number, *, is_sent):
    """Let this process do nothing more from its request with a number on.

    The request itself is carried out if it ``is_sent``. Returns an event: whether it came to that.
    """
    count, whole = itertools.count(), files.replace_text
    send_once, is_dead = Session._send, threading.Event()

    def dying(*arguments, **more):
        place = next(count)
        if is_dead.is_set() or (place >= number and not is_sent):
            is_dead.set()
            raise DiedError
        answer = send_once(*arguments, **more)
        if place >= number:
            is_dead.set()
            raise DiedError
        return answer

    def write(path, pieces):
        if is_dead.is_set():
            raise DiedError
        whole(path, pieces)

    monkeypatch.setattr(Session, "_send", dying)
    monkeypatch.setattr(files, "replace_text", write)
    return is_dead


@contextlib.contextmanager
def gone_after(stand_in, kind, match):
    """Let a request go wrong, and a proxy say after it that there is no server, until the end."""
    is_gone = threading.Event()

    def is_last(request):
        if not match(request):
            return False
        is_gone.set()
        return True

    stand_in.faults.add(Fault(kind, match=is_last))
    always = 10**6
    stand_in.faults.add(
        Fault(Kind.REFUSE, match=lambda _: is_gone.is_set(), status=502, times=always)
    )
    yield
    assert is_gone.is_set()
    is_gone.clear()
