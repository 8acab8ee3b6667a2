"""Jobs are read a few at a time, in their order, and one that fails ends it."""

import threading
import time
from types import SimpleNamespace

import pytest
from helpers.patience import PATIENCE_SECONDS
from video_prep.base.errors import CvatRefusedError
from video_prep.cvat.jobs import read_at_once
from video_prep.cvat.session import READ_AT_ONCE


@pytest.fixture
def session():
    turns = threading.BoundedSemaphore(READ_AT_ONCE)
    return SimpleNamespace(turns=turns, stopped=threading.Event())


def test_a_few_are_read_at_once_and_come_in_their_order(session):
    together = threading.Barrier(READ_AT_ONCE)
    now, most, lock = [0], [0], threading.Lock()

    def read(number):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(PATIENCE_SECONDS)
        with lock:
            now[0] -= 1
        return -number

    def in_two_threads():
        found.append(read_at_once(session, read, [*range(READ_AT_ONCE)]))

    found = []
    threads = [threading.Thread(target=in_two_threads) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[-number for number in range(READ_AT_ONCE)]] * 2
    assert most == [READ_AT_ONCE]
    assert read_at_once(session, read, []) == []


def test_the_first_failure_is_raised_and_the_rest_is_left(session):
    asked = []

    def read(number):
        asked.append(number)
        if number > 0:
            time.sleep(0.01)  # so that not all are done before it is told
        raise CvatRefusedError(f"no {number}")

    with pytest.raises(CvatRefusedError, match="no 0"):
        read_at_once(session, read, [*range(1000)])
    assert len(asked) < 1000


def test_ctrl_c_does_not_wait_for_answers(session):
    def read(number):
        if number == 0:
            raise KeyboardInterrupt
        assert session.stopped.wait(PATIENCE_SECONDS)  # as the connections are broken then
        return number

    with pytest.raises(KeyboardInterrupt):
        read_at_once(session, read, [0, 1])
    assert not session.stopped.is_set()
