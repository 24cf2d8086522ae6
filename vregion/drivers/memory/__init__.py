"""A small OpenStack cloud in memory, behind the same contract as a real one: for the demo and for fast tests.

Its rules, documents and words are those that Nova 33, Neutron 29, Cinder 28 and Glance 32 answered on the lab. It
keeps nothing beyond the process, except image bytes in temporary files.
"""

from vregion.drivers.memory.cloud import MemoryCloud
from vregion.drivers.memory.driver import MemoryDriver
from vregion.drivers.memory.faults import Faults

__all__ = ["Faults", "MemoryCloud", "MemoryDriver"]
