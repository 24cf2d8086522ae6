"""How backends are joined for tenants' traffic, as the provider says it; kept by `vregion.directory.interconnects`.

An interconnect carries many segments. A segment is one broadcast domain: a tenant's network that spans zones, or the
transit network of a router. Its number is given out by us and by nobody else, to one owner at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interconnect:
    """`members`: backend id -> what the backend calls its physical network there. Both ends of the range belong to it.

    `kind` names how segments are made ('vlan'; see `vregion.drivers.interconnects`). `mtu` is the largest
    packet of a tenant's on it, in octets. `transit_prefix` is the CIDR that transit networks take their addresses from.
    """

    name: str
    kind: str
    members: Mapping[str, str]
    first_segment: int
    last_segment: int
    mtu: int
    transit_prefix: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A number in use. `owner` is '<kind> <id>' of the resource that has it, in that virtual region."""

    number: int
    region_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Join:
    """An interconnect as one virtual region sees it: the zones of that region that it joins, two at least."""

    interconnect: str
    mtu: int
    zones: frozenset[str]
