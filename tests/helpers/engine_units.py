"""Units of work for the tests of engines: they must be importable in workers."""

import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from video_prep.base.machine import die_with_parent

from .patience import wait_for


@dataclass(frozen=True)
class Job:
    """What a unit is to do; ``folder`` is where it leaves its traces."""

    name: str
    folder: Path
    seconds: float = 0.0


class UnfitError(Exception):
    """Cannot be made again from its own arguments, as pickle does it."""

    def __init__(self, number, word):
        super().__init__(f"{number} is {word}")
        self.number = number


def double(number, link):
    return 2 * number


def process_id(item, link):
    return os.getpid()


def give_lambda(item, link):
    return lambda: None


def tell_lambda(item, link):
    link.tell(lambda: None)


def tell_numbers(job, link):
    """Tell 0..19; what is called long goes on only once it was heard."""
    for number in range(20):
        link.tell(number)
        if job.name == "long":
            wait_for(lambda: link.is_stopped() or (job.folder / "heard").exists())
    return job.name


def raise_value_error(item, link):
    if item == "bad":
        raise ValueError("no good")
    return tick(item, link)


def tick_or_return(item, link):
    return tick(item, link) if isinstance(item, Job) else item


def raise_unfit_error(item, link):
    raise UnfitError(7, "odd")


def tick(job, link):
    """Be at work, visibly so, until stopped."""
    while not link.is_stopped():
        with (job.folder / f"{job.name}.ticks").open("a") as file:
            file.write(".")
        time.sleep(0.05)
    return job.name


def sleep_with_signs(job, link):
    """Return when the unit was at work, by the clock of this machine."""
    begun(job)
    return pass_time(job, link)


def pass_time(job, link):
    start = time.monotonic()
    while time.monotonic() < start + job.seconds and not link.is_stopped():
        time.sleep(0.05)
    return start, time.monotonic()


def wait_for_company(job, link):
    """Be at work until as many units have begun as the file ``company`` says, and a while more."""
    begun(job)
    start = time.monotonic()
    company = int((job.folder / "company").read_text())
    wait_for(lambda: link.is_stopped() or len(list(job.folder.glob("*.run-*"))) >= company)
    return start, pass_time(job, link)[1]


def work_on_a_node(job, link):
    """Return the node of Ray where it is at work; never return from one that is a trap."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    (job.folder / f"{job.name}.on-{node}").touch()
    begun(job)
    while (job.folder / f"trap-{node}").exists() and not link.is_stopped():
        time.sleep(0.05)
    pass_time(job, link)
    return node


def begun(job):
    """Leave a trace, and return how many there were before."""
    before = runs(job)
    (job.folder / f"{job.name}.run-{os.getpid()}-{uuid.uuid4().hex}").touch()
    return before


def runs(job):
    return len(list(job.folder.glob(f"{job.name}.run-*")))


def misbehave(job, link):
    """Do what the name of the job says."""
    before = begun(job)
    match job.name:
        case "exit":
            os._exit(3)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit-once" if not before:
            os._exit(3)
        case "wait-once" if not before:
            time.sleep(1000)
        case "hang":
            time.sleep(1000)
    pass_time(job, link)
    return job.name


def block_with_child(job, link):
    """Start a program, as prep starts ffmpeg, and listen to nobody any more."""
    child = subprocess.Popen(["sleep", "1000"], preexec_fn=die_with_parent)
    (job.folder / "child.new").write_text(str(child.pid))
    (job.folder / "child.new").rename(job.folder / "child")
    while job.name != "polite" or not link.is_stopped():
        time.sleep(0.1)
    child.kill()
    child.wait()


def speak(item, link):
    print("printed by a unit")
    subprocess.run(["echo", "printed by its child"], check=True)
    return item
