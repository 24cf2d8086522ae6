"""Joining backends, and taking that away again.

What is written down here decides which zones of a tenant can have one network between them, and which of them routers
reach: those of the tenants concerned look again. Nothing is made in a backend: a segment is made there when the first
port of a network needs it (`vregion.reconcile.networks`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from vregion.directory import bindings, interconnects
from vregion.drivers.interconnects import KINDS
from vregion.ipam import transit
from vregion.model.interconnect import Interconnect, Segment
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.provider import backends
from vregion.provider.external_networks import MANY
from vregion.provider.provider import SHOWN, Provider, listed

TRANSIT_ROOM = transit.IPV4_LENGTH  # there must be one at least
NOT_TRANSIT = "is no prefix for transit networks: it wants a private or shared one, /24 or wider"


@dataclass(frozen=True, slots=True)
class Found:
    """An interconnect as the provider sees it, with how many of its segments are in use."""

    interconnect: Interconnect
    used: int


async def add(provider: Provider, wanted: Interconnect) -> Found:
    """Keep an interconnect. `wanted.members` are by the backends' names; what they cannot do is refused with words."""
    kind = KINDS.get(wanted.kind)
    if kind is None:
        raise Invalid(f"There is no kind of interconnect {wanted.kind}; there are: {', '.join(sorted(KINDS))}.")
    if not wanted.first_segment <= wanted.last_segment:
        raise Invalid("segments: the range ends before it begins.")
    if wanted.first_segment not in kind.numbers or wanted.last_segment not in kind.numbers:
        raise Invalid(f"segments: {wanted.kind} has {kind.numbers[0]} to {kind.numbers[-1]}.")
    _check_transit(wanted.transit_prefix)
    members = {}
    for name, network in wanted.members.items():
        found = (await backends.show(provider, name)).checked
        if wrong := kind.wrong(frozenset(found.report.get("capabilities", ()))):
            raise Conflict(f"Backend {name} cannot be joined by {wanted.kind}: {wrong}.")
        members[found.backend.id] = network
    row = Interconnect(
        wanted.name, wanted.kind, members, wanted.first_segment, wanted.last_segment, wanted.mtu, wanted.transit_prefix
    )
    refusal = await interconnects.add(provider.directory, row)
    await _tell(provider, row.name)
    if refusal:
        raise Conflict(refusal)
    return Found(row, 0)


async def _tell(provider: Provider, name: str) -> None:
    """The routers of all tenants with two zones that it joins are due: they may have been apart.

    Done before a refusal, too: who was interrupted, and repeats the call, completes it.
    """
    known = (await provider.directory.interconnects()).get(name)
    joined: Counter[str] = Counter()
    for backend_id in known.members if known else ():
        for binding in await bindings.of_backend(provider.directory, backend_id, MANY):
            joined[binding.region_id] += binding.state in bindings.IN_USE
    for region_id, zones in joined.items():
        if zones > 1:
            await provider.joined(region_id)


def _check_transit(text: str) -> None:
    try:
        prefix = ip_network(text)
    except ValueError as wrong:
        raise Invalid(f"transit_prefix: {wrong}.") from wrong
    if prefix.version != 4 or prefix.prefixlen > TRANSIT_ROOM or prefix.is_global or prefix.is_multicast:
        raise Invalid(f"transit_prefix: {text} {NOT_TRANSIT}.")


async def all_found(provider: Provider) -> list[Found]:
    """Every interconnect, by name."""
    used: Mapping[str, int] = await interconnects.counts(provider.directory)
    return [Found(one, used.get(one.name, 0)) for one in (await provider.directory.interconnects()).values()]


async def show(provider: Provider, name: str) -> tuple[Found, list[Segment]]:
    """One of them, with the segments in use and who has them."""
    interconnect = (await provider.directory.interconnects()).get(name)
    if interconnect is None:
        raise NotFound(f"There is no interconnect {name}.")
    segments = await interconnects.used(provider.directory, name)
    return Found(interconnect, len(segments)), segments


async def remove(provider: Provider, name: str) -> None:
    """Forget an interconnect; refused with the list of those who have a segment of it."""
    _, segments = await show(provider, name)
    if segments:
        raise Conflict(f"Interconnect {name} carries: {listed(await owners(provider, segments[: SHOWN + 1]))}.")
    if not await interconnects.remove(provider.directory, name):
        raise Conflict(f"Interconnect {name} carries a network.")


async def owners(provider: Provider, segments: list[Segment]) -> list[str]:
    """'acme/network 1f0c... (1001)' for each segment."""
    words = []
    for segment in segments:
        tenant = await provider.directory.region(segment.region_id)
        words.append(f"{tenant.name if tenant else segment.region_id}/{segment.owner} ({segment.number})")
    return words
