"""Waiting for what must come, for as long as the busiest machine may need."""

import time
from concurrent.futures import ThreadPoolExecutor

PATIENCE_SECONDS = 120


def wait_for(condition):
    """Return what a condition gives as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def wait_for_end(call):
    """Carry out what must come to an end by itself; give what it returns, or raise what it does."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(call).result(PATIENCE_SECONDS)
    finally:
        pool.shutdown(wait=False)
