"""Allocation pools of a subnet: the default ones, and what is wrong with given ones.

Called by `vregion.region.subnets`. A pool is Neutron's {"start", "end"}; both ends belong to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise

from vregion.ipam.prefixes import LAST_POSITION, Prefix, position, usable


@dataclass(frozen=True, slots=True)
class Pool:
    """A range of addresses of one version."""

    version: int
    first: int
    last: int

    @classmethod
    def parse(cls, start: str, end: str) -> "Pool":
        """Raises ValueError for ends of two versions or in the wrong order."""
        low, high = ip_address(start), ip_address(end)
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{start}-{end}")
        return cls(low.version, int(low), int(high))

    def __contains__(self, address: object) -> bool:
        found = ip_address(str(address))
        return found.version == self.version and self.first <= int(found) <= self.last

    def __str__(self) -> str:
        wire = self.wire()
        return f"{wire['start']}-{wire['end']}"

    def overlaps(self, other: "Pool") -> bool:
        """Whether they share an address."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def inside(self, prefix: Prefix) -> bool:
        """Whether all of it may be handed out."""
        low, high = usable(prefix)
        return low <= self.first and self.last <= high

    def wire(self) -> dict[str, str]:
        """As Neutron writes it."""
        make = IPv6Address if self.version == 6 else IPv4Address
        return {"start": str(make(self.first)), "end": str(make(self.last))}


def default_pools(prefix: Prefix, gateway: str | None) -> list[Pool]:
    """Every usable address but the gateway's, in one range or two."""
    low, high = usable(prefix)
    whole = Pool(prefix.version, low, high)
    if gateway is None or gateway not in whole:
        return [whole]
    hole = int(ip_address(gateway))
    if low == high:
        return [whole]
    return [Pool(prefix.version, a, b) for a, b in ((low, hole - 1), (hole + 1, high)) if a <= b]


def first_overlap(pools: Sequence[Pool]) -> tuple[Pool, Pool] | None:
    """Two pools that share an address, if there are such."""
    ordered = sorted(pools, key=lambda pool: (pool.version, pool.first))
    for one, two in pairwise(ordered):
        if one.overlaps(two):
            return one, two
    return None


def positions(prefix: Prefix, pool: dict[str, str]) -> tuple[int, int] | None:
    """First and last position of a wire pool; None when all of it lies too far."""
    low = position(prefix, pool["start"])
    if low is None:
        return None
    high = position(prefix, pool["end"])
    return low, LAST_POSITION if high is None else high
