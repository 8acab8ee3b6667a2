"""How a process joins a Ray cluster, or starts one, and what Ray may print then."""

import logging
import os
import signal
import socket
import threading
from typing import Any

from ..base.errors import UsageError

_CONNECT_SECONDS = 5.0


def import_ray() -> Any:
    """Return Ray.

    Raises:
        UsageError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it asks for them on stdout
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise UsageError(
            "Ray is not installed. Install prep together with it, in the folder of its clone: "
            "pip install '.[ray]'"
        ) from None
    return ray


def connect(ray: Any, address: str) -> None:
    """Join the cluster at an address, or start one (``local``).

    Raises:
        UsageError: there is no fit cluster.
    """
    is_new = address == "local"
    _check_that_something_answers(address)
    _keep_stdout_clean(ray)
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            **({"include_dashboard": False} if is_new else {}),
        )
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        ray.shutdown()
        # Ray exits where no cluster answers, but also where a polite kill comes meanwhile.
        if isinstance(error, KeyboardInterrupt) or _is_of_signal(error):
            raise KeyboardInterrupt from None
        what = "started" if is_new else f"joined at {address}"
        hint = "" if is_new else " Where it is guarded by a token, set RAY_AUTH_MODE=token."
        raise UsageError(f"No Ray cluster could be {what}: {in_one_line(error)}.{hint}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_termination)  # which Ray takes for itself


def _is_of_signal(error: BaseException) -> bool:
    codes = (signal.SIGTERM, 128 + signal.SIGTERM)
    return isinstance(error, SystemExit) and error.code in codes


def _keep_stdout_clean(ray: Any) -> None:
    """Let Ray print to stderr only, and only what workers say and where there is no room.

    It prints to stdout of its own accord, and pages of its internals where a worker or a node is
    lost, which the engine tells in its own words. There is no setting for either.
    """
    module = ray._private.worker
    print_lines = getattr(module, "print_to_stdstream", None)
    if print_lines is None or getattr(print_lines, "is_clean", False):
        return

    def print_clean(data: dict[str, Any], *arguments: Any, **options: Any) -> None:
        if data.get("pid") != "raylet":
            print_lines({**data, "is_err": True}, *arguments, **options)

    print_clean.is_clean = True  # type: ignore[attr-defined]
    module.print_to_stdstream = print_clean


def _check_that_something_answers(address: str) -> None:
    """Find out in seconds what takes Ray two minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise UsageError(f"No Ray cluster answers at {address}: {error}.") from None


def in_one_line(error: BaseException) -> str:
    """Return what an error of Ray says, which is often a page."""
    return " ".join(str(error).split()) or type(error).__name__
