"""How the instances of one router in several zones are joined: a transit prefix, an address per zone, routes by prefix.

Pure, like all of this room. A router's instances meet on a transit network; each sends what belongs to another zone to
that zone's address there, with one route per remote prefix. A prefix that is in several zones (a stretched network) is
never routed away from a zone that has it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vregion.ipam.prefixes import Prefix

ROOM = 6  # of /29: the fewest addresses that a transit network has, so that zones can come without another network


@dataclass(frozen=True, slots=True)
class Instance:
    """A router in one zone: its address on the transit network, and whom to hand which remote prefix to."""

    address: str
    routes: tuple[tuple[str, str], ...]  # (destination, next hop), sorted


def choose(within: Prefix, taken: Iterable[Prefix], zones: int) -> Prefix | None:
    """The first prefix of `within` with room for so many zones that meets none of those taken; None: there is none.

    `taken` holds all that the tenant uses and the other transit networks. Whatever lies in a taken prefix is passed
    over in one step: this does not walk through a range that is used up.
    """
    hosts = max(zones, ROOM) + 2
    length = within.max_prefixlen - (hosts - 1).bit_length()
    if length < within.prefixlen:
        return None
    size = 1 << (within.max_prefixlen - length)
    at, last = int(within.network_address), int(within.broadcast_address)
    spans = sorted((int(p.network_address), int(p.broadcast_address)) for p in taken if p.version == within.version)
    for first, end in spans:
        if first >= at + size:
            break
        if end >= at:
            at = -(-(end + 1) // size) * size
    if at + size - 1 > last:
        return None
    return type(within)((at, length))


def addresses(transit: Prefix, zones: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """zone -> its address; who has one keeps it, the others get the lowest free ones in order. Raises ValueError."""
    kept = {zone: known[zone] for zone in zones if zone in known}
    free = (str(address) for address in transit.hosts() if str(address) not in set(kept.values()))
    for zone in zones:
        if zone not in kept:
            address = next(free, None)
            if address is None:
                raise ValueError(f"{transit} has no address left for {zone}")
            kept[zone] = address
    return kept


def plan(attached: Mapping[str, Iterable[Prefix]], at: Mapping[str, str]) -> dict[str, Instance]:
    """What each zone's instance needs: `attached` says which prefixes a zone's instance is on itself, `at` its address.

    A prefix of several other zones goes to the first of them by name, so that every look gives the same plan.
    """
    prefixes = {zone: set(found) for zone, found in attached.items()}
    made = {}
    for zone, own in prefixes.items():
        hops: dict[Prefix, str] = {}
        for other in sorted(prefixes, reverse=True):
            if other != zone:
                hops |= dict.fromkeys((p for p in prefixes[other] - own if _same_family(p, at[other])), at[other])
        routes = tuple(sorted((str(prefix), hop) for prefix, hop in hops.items()))
        made[zone] = Instance(at[zone], routes)
    return made


def _same_family(prefix: Prefix, hop: str) -> bool:
    return (prefix.version == 6) == (":" in hop)
