"""An engine of many machines: the workers of a Ray cluster. Owner of ray, with its neighbours."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from .. import __version__
from ..base.errors import UsageError
from ..base.work import Link
from .base import SILENCE_SECONDS, Engine, Event, EventKind
from .parcels import pack, unpack
from .ray_connection import connect, import_ray, in_one_line
from .ray_worker import Answer, mailbox_class, task_function

T = TypeVar("T")
R = TypeVar("R")

_GRACE_SECONDS = 1.5
"""How long units may take to give up before their worker is killed. They ask every second."""

_COLLECT_SECONDS = 0.2
_LOOK_SECONDS = 1.0
_NODE_SECONDS = 1.0
"""How long after its workers a node may be lost that is shut down in good order."""

_UNITS_A_CORE = 2
"""So many are on their way: no core waits for the driver, and a cluster sees it should grow."""


@dataclass
class _Unit:
    """A unit on its way; ``node`` is the id of the one where it has begun."""

    key: int
    memory_bytes: int
    node: str = ""
    messages: int = 0
    why_killed: str = ""


class RayEngine(Engine):
    """Workers of a Ray cluster, which may grow, shrink and lose nodes meanwhile.

    All nodes need the same prep, and what items name must be there under the same path. A
    connection that this process has already is used, and left as it is.

    Args:
        address: of the cluster, as Ray writes it (``host:6379``, ``auto``). Without one it is
            ``RAY_ADDRESS``, and without that a cluster is started on this machine.
        silence_seconds: how long a unit may give no sign of life before it is taken for hung;
            counted from when it has begun.

    Raises:
        UsageError: Ray is not installed, or there is no fit cluster at the address.
    """

    def __init__(
        self, address: str | None = None, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        super().__init__(silence_seconds)
        ray = self._ray = import_ray()
        self._is_own = not ray.is_initialized()
        if self._is_own:
            connect(ray, address or os.environ.get("RAY_ADDRESS") or "local")
        # Where the driver is, so that no loss of another node takes it along.
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        mailbox = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(mailbox_class())
        self._mailbox = mailbox.options(scheduling_strategy=here).remote()
        # Repeating is the base's; Ray would do it behind its back.
        self._task = ray.remote(num_cpus=1, max_retries=0)(task_function())
        self._units: dict[Any, _Unit] = {}
        self._function: tuple[Any, Any] = None, None
        self._next_collection = 0.0
        self._look_at_nodes()

    @property
    def workers(self) -> int:
        """How many units are at work at once: as many as the cluster has cores now."""
        return self._cores

    @property
    def cores_each(self) -> int:
        """One: that is what each unit asks of the cluster."""
        return 1

    def _look_at_nodes(self) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        workers = [resources for resources in nodes if resources.get("CPU", 0) >= 1]
        # At least one, so that something waits there: a cluster may grow from nothing.
        self._cores = max(1, sum(int(resources["CPU"]) for resources in workers))
        self._most_memory = max((int(r.get("memory", 0)) for r in workers), default=0)
        self._next_look = time.monotonic() + _LOOK_SECONDS

    def _has_place(self, running: int) -> bool:
        if time.monotonic() >= self._next_look:
            self._look_at_nodes()
        return running < _UNITS_A_CORE * self._cores

    def _has_memory(self, used_bytes: int, needed_bytes: int) -> bool:
        return True  # Ray lets a unit wait until a node has it

    def _start(
        self, key: int, function: Callable[[T, Link], R], item: T, memory_bytes: int
    ) -> None:
        if function is not self._function[0]:
            self._function = function, self._ray.put(pack(function, "the function"))
        packed_item = pack(item, f"an item of type {type(item).__name__}")
        memory_bytes = min(memory_bytes, self._most_memory)
        task = self._task.options(name="prep", memory=memory_bytes or None)
        version = __version__
        ref = task.remote(version, key, self._function[1], packed_item, self._mailbox)
        self._units[ref] = _Unit(key, memory_bytes)

    def _events(self, timeout_seconds: float) -> Iterator[Event]:
        refs = list(self._units)
        if self._ray.wait(refs, timeout=timeout_seconds)[0]:
            done, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
            answers = {ref: self._answer(ref) for ref in done}
        else:
            answers = {}
        # What a unit told goes before its end; usually it comes along with it.
        is_told = any(
            isinstance(answer, tuple) and answer[0] > self._units[ref].messages
            for ref, answer in answers.items()
        )
        has_crashed = any(isinstance(answer, str) for answer in answers.values())
        if is_told or has_crashed or time.monotonic() >= self._next_collection:
            yield from self._collect()
        for unit in self._units.values():
            if not unit.node:  # it waits for a worker, which may take any time
                yield Event(unit.key, EventKind.SIGN_OF_LIFE)
        if has_crashed:
            time.sleep(_NODE_SECONDS)
        for ref, answer in answers.items():
            unit = self._units.pop(ref)
            if isinstance(answer, Event):
                yield answer
            elif isinstance(answer, str):
                yield self._judge_crash(unit, answer)
            else:
                _, messages, kind, value = answer
                for message in messages:
                    yield Event(unit.key, EventKind.MESSAGE, unpack(message))
                yield Event(unit.key, kind, unpack(value))
        yield from self._take_back()

    def _take_back(self) -> Iterator[Event]:
        """Give up units that wait for a node as large as one that was lost; they begin anew."""
        for ref, unit in list(self._units.items()):
            if not unit.node and unit.memory_bytes > self._most_memory > 0:
                self._ray.cancel(ref, force=True)
                del self._units[ref]
                yield Event(unit.key, EventKind.NODE_LOST, "no node has the memory any more")

    def _collect(self) -> Iterator[Event]:
        """Yield what units have told since the last time."""
        self._next_collection = time.monotonic() + _COLLECT_SECONDS
        units = {unit.key: unit for unit in self._units.values()}
        try:
            told = self._ray.get(self._mailbox.take.remote())
        except self._ray.exceptions.RayError as error:
            raise UsageError(f"The Ray cluster is no longer there: {in_one_line(error)}") from None
        for key, node, messages in told:
            if key in units:
                units[key].node = node
                units[key].messages += len(messages)
            yield Event(key, EventKind.SIGN_OF_LIFE)
            for message in messages:
                yield Event(key, EventKind.MESSAGE, unpack(message))

    def _answer(self, ref: Any) -> Answer | Event | str:
        """Return what a unit gave back, or how it ended, or in words why its worker crashed."""
        errors, unit = self._ray.exceptions, self._units[ref]
        try:
            answer: Answer | str = self._ray.get(ref)
        except (errors.NodeDiedError, errors.ObjectLostError):
            return Event(unit.key, EventKind.NODE_LOST, "the node of its worker was lost")
        except errors.TaskCancelledError:
            return Event(unit.key, EventKind.DIED, unit.why_killed)
        except errors.OutOfMemoryError:
            return "the worker process was killed because memory ran out"
        except errors.WorkerCrashedError:
            if unit.why_killed:
                return Event(unit.key, EventKind.DIED, unit.why_killed)
            return "the worker process crashed or was killed"
        except errors.RayError as error:
            problem = UsageError(f"The Ray cluster cannot carry out work: {in_one_line(error)}")
            return Event(unit.key, EventKind.RAISED, problem)
        if isinstance(answer, str):
            return Event(unit.key, EventKind.RAISED, UsageError(answer))
        return answer

    def _judge_crash(self, unit: _Unit, why: str) -> Event:
        """Return the end of a unit, by what became of its node since then."""
        for node in self._ray.nodes():
            if node["NodeID"] == unit.node:
                kind = EventKind.DIED if node["Alive"] else EventKind.NODE_LOST
                return Event(unit.key, kind, f"{why} on node {node['NodeManagerAddress']}")
        return Event(unit.key, EventKind.DIED, why)

    def _kill(self, key: int, why: str) -> None:
        for ref, unit in self._units.items():
            if unit.key == key:
                unit.why_killed = why
                self._ray.cancel(ref, force=True)

    def _stop(self) -> None:
        self._function = None, None
        # Where the cluster is gone, nothing is at work there.
        with contextlib.suppress(UsageError, self._ray.exceptions.RayError):
            if self._units:
                self._end_units()
        self._units.clear()

    def _end_units(self) -> None:
        ray = self._ray
        ray.get(self._mailbox.stop.remote(max(unit.key for unit in self._units.values())))
        for _ in self._collect():
            pass
        for ref, unit in self._units.items():
            if not unit.node:
                ray.cancel(ref, force=True)
        refs = list(self._units)
        _, stubborn = ray.wait(refs, num_returns=len(refs), timeout=_GRACE_SECONDS)
        for ref in stubborn:
            ray.cancel(ref, force=True)
        if stubborn:
            ray.wait(stubborn, num_returns=len(stubborn), timeout=_GRACE_SECONDS)

    def close(self) -> None:
        """Leave the cluster, and end it if it was started here."""
        if not self._ray.is_initialized():
            return
        self._stop()
        self._ray.kill(self._mailbox)
        if self._is_own:
            self._ray.shutdown()
