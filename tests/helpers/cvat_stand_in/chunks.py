"""The chunks of jobs that are made ready when an original image of them is read."""

import threading
import time
from collections import defaultdict

from .state import Job


class Chunks:
    """What is made ready once stays so; several may be made at once.

    Attributes:
        made: job id and place of each chunk, in the order they came to be.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.made: list[tuple[int, int]] = []
        self._locks: defaultdict[tuple[int, int], threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def make_ready(self, job: Job, number: int) -> None:
        """Wait until the chunk with a frame is there."""
        chunk = (job.id, (number - job.start_frame) // job.task.data.chunk_size)
        with self._lock:
            lock = self._locks[chunk]
        with lock:
            if chunk not in self.made:
                time.sleep(self.seconds)
                self.made.append(chunk)
