"""Where the instances of one router in several zones meet, and what each of them sends to the others.

Pure, like all of this room. A router's instances meet on a transit network; each hands what belongs to another zone to
that zone's address there, with one route per remote prefix. A prefix that is in several zones (a stretched network) is
never routed away from a zone that has it.
"""

from collections.abc import Iterable, Mapping

from vregion.ipam.prefixes import Prefix

IPV4_LENGTH, IPV6_LENGTH = 27, 64  # of a transit prefix: room for thirty zones


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


def routes(
    here: str, attached: Mapping[str, Iterable[Prefix]], at: Mapping[str, Iterable[str]]
) -> list[dict[str, str]]:
    """What the instance in zone `here` needs, sorted: [{"destination", "nexthop"}].

    `attached`: which prefixes each zone's instance is on itself; `at`: each zone's addresses on the transit network.
    A prefix of several other zones goes to the first of them by name, so that every look gives the same routes.
    """
    own = set(attached.get(here, ()))
    hops: dict[Prefix, str] = {}
    for zone in sorted(set(attached) & set(at) - {here}, reverse=True):
        by_version = {6 if ":" in address else 4: address for address in at[zone]}
        hops |= {p: by_version[p.version] for p in attached[zone] if p not in own and p.version in by_version}
    return sorted(
        ({"destination": str(prefix), "nexthop": hop} for prefix, hop in hops.items()),
        key=lambda route: route["destination"],
    )
