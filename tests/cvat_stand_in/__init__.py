"""A stand-in for a CVAT 2.54 server: real HTTP, everything in memory and a temporary folder.

``StandIn`` is the server; ``Fault``, ``Kind`` and ``WorkerFault`` say what goes wrong, and
``cvat_stand_in.faults`` has ready-made faults of the worker.
"""

from cvat_stand_in.connection import Logged
from cvat_stand_in.faults import Fault, Kind, WorkerFault
from cvat_stand_in.server import StandIn

__all__ = ["Fault", "Kind", "Logged", "StandIn", "WorkerFault"]
