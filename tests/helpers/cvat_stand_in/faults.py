"""What can go wrong on the way to the server, in it, and in the worker behind it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from io import BytesIO
from typing import Any

from PIL import Image


class Kind(Enum):
    """How a request goes wrong."""

    REFUSE = auto()
    """``status`` is answered; nothing was done."""
    DO_THEN_REFUSE = auto()
    """The work is done, but ``status`` is answered."""
    REFUSE_THEN_DO = auto()
    """``status`` is answered, and the work is done while the server gets its request number
    ``after`` from then on: a proxy has given up waiting, the server has not."""
    CRASH = auto()
    """The server dies in the middle of the work: what it wrote to disk stays, what it would have
    committed to its database does not. ``status`` is what the proxy then says."""
    CUT_REQUEST = auto()
    """The connection breaks while the body is being read; nothing was done."""
    CUT_ANSWER = auto()
    """The work is done, then the connection breaks before the first byte of the answer."""
    CUT_MIDWAY = auto()
    """The work is done, then the connection breaks in the middle of the answer."""
    LATE = auto()
    """The work is done, and answered ``seconds`` later."""
    SILENT = auto()
    """The work is done, and never answered."""
    HANG = auto()
    """Nothing is done, and nothing is ever answered."""


@dataclass
class Fault:
    """One request, or some, that go wrong.

    Args:
        kind: how.
        at: the request's number, its index in ``stand_in.requests``.
        match: which requests, where the number does not say it.
        times: how often, before all is well again.
        status: the HTTP status of the kinds that answer one.
        retry_after: the value of that header, if any.
        seconds: how late a late answer is.
        after: how many requests later late work is done.
    """

    kind: Kind
    at: int | None = None
    match: Callable[[Any], bool] = lambda request: True
    times: int = 1
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    after: int = 1

    def hits(self, logged: Any) -> bool:
        return self.at in {None, logged.number} and self.match(logged)


@dataclass
class WorkerFault:
    """A task that the worker creates wrongly.

    Args:
        spoil: changes what the worker made (``creation.Outcome``), just before it is committed.
        match: for which tasks.
        times: how often.
    """

    spoil: Callable[[Any], None]
    match: Callable[[Any], bool] = lambda task: True
    times: int = 1

    def hits(self, task: Any) -> bool:
        return self.match(task)


class Faults:
    """The faults that are still to come; the first that fits is used up."""

    def __init__(self) -> None:
        self._waiting: list[Fault | WorkerFault] = []
        self._late: list[tuple[int, Callable[[], Any]]] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault | WorkerFault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def postpone(self, requests: int, work: Callable[[], Any]) -> None:
        """Keep work back until so many more requests have come."""
        with self._lock:
            self._late.append((requests, work))

    def catch_up(self) -> None:
        """Do what was kept back until this request."""
        with self._lock:
            due = [work for left, work in self._late if left == 1]
            self._late = [(left - 1, work) for left, work in self._late if left > 1]
        for work in due:
            work()

    @property
    def waiting(self) -> int:
        """How many faults have not hit yet."""
        return len(self._waiting)

    def take(self, kind: type, subject: Any) -> Any:
        """Return the first fault of a kind that hits ``subject``, or None."""
        with self._lock:
            for fault in self._waiting:
                if isinstance(fault, kind) and fault.hits(subject):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None


class CreationError(Exception):
    """The worker gives up; the text, and a line break, is the message of the failed request.

    CVAT tells the exception as Python prints it: its full name, a colon and its text.
    """

    @classmethod
    def invalid(cls, text: str) -> "CreationError":
        """A mistake of the user, in the way of Django REST framework."""
        detail = f"[ErrorDetail(string={text!r}, code='invalid')]"
        return cls(f"rest_framework.exceptions.ValidationError: {detail}")


class WorkerStopsError(Exception):
    """The worker hangs: the request stays ``started`` for ever."""


def fail(message: str) -> Callable[[Any], None]:
    """Creation fails with this message."""

    def spoil(outcome: Any) -> None:
        raise CreationError(message)

    return spoil


def hang(outcome: Any) -> None:
    """Creation never ends."""
    raise WorkerStopsError


def lose_frame(number: int) -> Callable[[Any], None]:
    """One frame is left out; all later ones move up."""

    def spoil(outcome: Any) -> None:
        del outcome.frames[number]
        outcome.borders = [(a, min(b, len(outcome.frames) - 1)) for a, b in outcome.borders]

    return spoil


def swap_frames(one: int, other: int) -> Callable[[Any], None]:
    """Two frames, with their names, change places."""

    def spoil(outcome: Any) -> None:
        frames = outcome.frames
        frames[one], frames[other] = frames[other], frames[one]

    return spoil


def swap_bytes(one: int, other: int) -> Callable[[Any], None]:
    """Two frames change places, but their names stay."""

    def spoil(outcome: Any) -> None:
        a, b = outcome.frames[one], outcome.frames[other]
        a.content, b.content = b.content, a.content

    return spoil


def rename_frame(number: int, name: str) -> Callable[[Any], None]:
    """One frame has another name."""

    def spoil(outcome: Any) -> None:
        outcome.frames[number].name = name

    return spoil


def truncate_frame(number: int, size_bytes: int) -> Callable[[Any], None]:
    """One original loses its end."""

    def spoil(outcome: Any) -> None:
        frame = outcome.frames[number]
        frame.content = frame.read()[:size_bytes]

    return spoil


def replace_frame(number: int, content: bytes | None = None) -> Callable[[Any], None]:
    """One original is another picture of the same size."""

    def spoil(outcome: Any) -> None:
        frame = outcome.frames[number]
        if content is None:
            other = BytesIO()
            Image.new("RGB", (frame.width, frame.height), "red").save(other, "JPEG")
            frame.content = other.getvalue()
        else:
            frame.content = content

    return spoil


def resize_frame(number: int, width: int, height: int) -> Callable[[Any], None]:
    """One frame is told to have another size."""

    def spoil(outcome: Any) -> None:
        frame = outcome.frames[number]
        frame.width, frame.height = width, height

    return spoil


def move_borders(borders: list[tuple[int, int]]) -> Callable[[Any], None]:
    """The jobs are cut elsewhere: first and last frame of each."""

    def spoil(outcome: Any) -> None:
        outcome.borders = list(borders)

    return spoil
