"""A stand-in for a CVAT 2.54 server: real HTTP, everything in memory and a temporary folder.

``StandIn`` is the server; ``Fault``, ``Kind`` and ``WorkerFault`` say what goes wrong, and
``cvat_stand_in.faults`` has ready-made faults of the worker.
"""

from .connection import Logged
from .faults import Fault, Kind, WorkerFault
from .server import StandIn

__all__ = ["Fault", "Kind", "Logged", "StandIn", "WorkerFault"]
