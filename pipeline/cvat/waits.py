"""How long prep waits for what while it works with a CVAT server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Waits:
    """Times to wait, in seconds; tests wait less.

    Attributes:
        connect_seconds: for a connection; less where the settings allow less for an answer.
        logout_seconds: for an answer to the log-out, which nothing depends on.
        pauses_seconds: before a request is sent again; as often as there are pauses.
        longest_asked_seconds: the longest pause that a server may ask for (Retry-After).
        first_poll_seconds: before it is asked again whether the frames of a task are made.
        last_poll_seconds: the same after many times.
        piece_seconds: before a piece of a file is sent again; n times as long the n-th time.
        late_seconds: before each look whether annotations are there, of which no answer came;
            after the last one they are sent again.
        task_seconds: before a task is begun anew; n times as long the n-th time.
        look_seconds: between two looks whether a person stops it.
    """

    connect_seconds: float = 10.0
    logout_seconds: float = 5.0
    pauses_seconds: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    longest_asked_seconds: float = 30.0
    first_poll_seconds: float = 0.1
    last_poll_seconds: float = 5.0
    piece_seconds: float = 1.0
    late_seconds: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0)
    task_seconds: float = 2.0
    look_seconds: float = 0.1
