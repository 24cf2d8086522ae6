"""What a kind of interconnect promises. It speaks to backends through two drivers that it is handed, and keeps nothing.

The number of a segment is chosen before a kind is asked, and is the same on every backend: a VLAN id, the number of a
route target (EVPN by networking-bgpvpn), a transit switch's tunnel key (OVN-IC), an index of a tunnel (WireGuard).
Kinds that join routers only say so in `layers`: no network is ever stretched over them, and zones that nothing but them
joins are told apart as zones without an interconnect are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vregion.drivers.contract import Driver, Observed
from vregion.model.interconnect import Interconnect


@dataclass(frozen=True, slots=True)
class Place:
    """One segment on one backend. `tenant` has the virtual region's credential there, `provider` the provider's own."""

    interconnect: Interconnect
    number: int
    backend_id: str
    tenant: Driver
    provider: Driver


class InterconnectKind(Protocol):
    """One way to join backends.

    layers  2: networks can be stretched over it; 3: routers can be joined by a transit network on it.
    numbers the numbers that a segment may have at all.
    wrong   why backends with these capabilities and extensions ('network.provider', ...) cannot take part; '' if they
            can.
    create  makes the network of a segment, in the tenant's own project there, so that the tenant's credential may do
            all the rest. The rules of `Collection.create` hold: one request, with the mark, and nothing after it.
    tie     whatever else makes it one with its namesakes. Called after `create`, and again whenever the network is
            looked at: MUST be idempotent. It ends when the backend deletes the network.
    """

    layers: frozenset[int]
    numbers: range

    def wrong(self, capabilities: frozenset[str]) -> str: ...
    async def create(self, place: Place, mark: str, body: Mapping[str, Any]) -> Observed: ...
    async def tie(self, place: Place, external_id: str) -> None: ...
