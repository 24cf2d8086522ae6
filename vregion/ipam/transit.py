"""Where the instances of one router in several zones meet, and what each of them sends to the others.

Pure, like all of this room. A router's instances meet on transit networks, of which each joins some of its zones; each
instance hands what belongs to another zone to the next one on the shortest way there, with one route per remote prefix.
A prefix that is in several zones (a stretched network) is never routed away from a zone that has it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from vregion.ipam.prefixes import Prefix

IPV4_LENGTH, IPV6_LENGTH = 24, 64  # of a transit prefix
ROOM = 250  # so many routers can be on it, each zone's counted
Link = Mapping[str, Iterable[str]]  # a transit network: each zone's addresses on it


def choose(within: Prefix, taken: Iterable[Prefix]) -> Prefix | None:
    """The first transit prefix in `within` that meets none of those taken; None: there is none.

    What lies in a taken prefix is passed over in one step: this does not walk through a range that is used up.
    """
    length = IPV4_LENGTH if within.version == 4 else IPV6_LENGTH
    size = 1 << (within.max_prefixlen - length)
    at, last = int(within.network_address), int(within.broadcast_address)
    spans = sorted((int(p.network_address), int(p.broadcast_address)) for p in taken if p.version == within.version)
    for first, end in spans:
        if first >= at + size:
            break
        if end >= at:
            at = -(-(end + 1) // size) * size
    return type(within)((at, length)) if at + size - 1 <= last else None


def ways(
    zones: Iterable[str], over: Mapping[str, Collection[str]], used: Sequence[str]
) -> tuple[list[str], list[set[str]]]:
    """Over which interconnects a router's zones are joined, and which zones reach each other then, the most first.

    `over`: interconnect -> the backends that it joins. Those in use stay while each joins what the others do not; of
    the others the one that brings most together comes next, the first by name.
    """
    groups, chosen = [{zone} for zone in sorted(zones)], []

    def brings(name: str) -> int:
        return sum(1 for group in groups if not group.isdisjoint(over[name]))

    def take(name: str) -> None:
        chosen.append(name)
        met = [group for group in groups if not group.isdisjoint(over[name])]
        groups[:] = [group for group in groups if group not in met] + [set().union(*met)]

    for name in used:
        if name in over and name not in chosen and brings(name) > 1:
            take(name)
    while (best := max(sorted(over), key=brings, default=None)) is not None and brings(best) > 1:
        take(best)
    return chosen, sorted(groups, key=lambda group: (-len(group), min(group)))


def routes(
    here: str, attached: Mapping[str, Iterable[Prefix]], links: Sequence[Link], open_to: Sequence[Link] | None = None
) -> list[dict[str, str]]:
    """What the instance in zone `here` needs, sorted: [{"destination", "nexthop"}].

    `attached`: which prefixes each zone's instance is on itself; `open_to`: those of the links that can be used here
    (None: all). Each step comes nearer to a zone that has the prefix, so that nothing goes in circles; of several next
    zones it is the first by name, so that every look gives the same routes.
    """
    holders: dict[Prefix, set[str]] = {}
    for zone, found in attached.items():
        for prefix in found:
            holders.setdefault(prefix, set()).add(zone)
    made = []
    for prefix, there in holders.items():
        far = {} if here in there else _distances(there, links)
        nexts = [
            (zone, address)
            for link in (links if open_to is None else open_to)
            if here in link
            for zone, addresses in link.items()
            if here in far and far.get(zone) == far[here] - 1
            for address in addresses
            if (":" in address) == (prefix.version == 6)
        ]
        if nexts:
            made.append({"destination": str(prefix), "nexthop": min(nexts)[1]})
    return sorted(made, key=lambda route: route["destination"])


def _distances(there: Iterable[str], links: Sequence[Link]) -> dict[str, int]:
    """How many links each zone is away from these."""
    far, edge = dict.fromkeys(there, 0), set(there)
    while edge:
        near = {zone for link in links if not edge.isdisjoint(link) for zone in link} - far.keys()
        far |= dict.fromkeys(near, 1 + max(far.values()))
        edge = near
    return far
