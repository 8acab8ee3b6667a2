"""A process that dies at one of its requests, without the cost of a process."""

import itertools
import threading

from video_prep.cvat.session import Session
from video_prep.dataset import files


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
