"""Waiting for what must come, for as long as the busiest machine may need."""

import time

PATIENCE_SECONDS = 120


def wait_for(condition):
    """Return what a condition gives as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found
