"""What the scheduler is told for one boot: each zone with what speaks for it and against it, from rows alone.

Called by `vregion.region.server_boots` in the request's transaction; volumes ask which zones are `full`. The number of
queries depends on what can still be decided, never on how many zones, servers or volumes there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from vregion.model.backend import Binding
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import dns_names, qos_policies, realizations, resources, room, routers
from vregion.region.regions import Transaction
from vregion.region.scheduler import Tie, Zone, good
from vregion.region.tables import resources as rows

_NOT_ALWAYS = ("personality", "description", "tags", "trusted_image_certificates", "hostname")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be placed. `amounts` are in the quota's names; `plugged` are its ports, and networks where it gets a
    port of its own; `features` are capabilities (`server.hostname`) without which a cloud refuses the request.
    """

    amounts: Mapping[str, int]
    having: frozenset[str]  # the backends that have the flavor
    image: Resource | None
    plugged: Sequence[Resource]
    ties: Sequence[Tie]
    features: frozenset[str] = frozenset()


def features(server: Mapping[str, Any]) -> frozenset[str]:
    """What of the request not every microversion knows, by the names that a backend's check has for it."""
    named = {f"server.{name}" for name in _NOT_ALWAYS if server.get(name) is not None}
    networks, disks = server.get("networks"), server.get("block_device_mapping_v2") or ()
    nics = networks if isinstance(networks, list) else ()
    found = {
        "server.hostname.fqdn": "." in (server.get("hostname") or ""),
        "server.networks.none": networks == "none",
        "server.device_tags": any(one.get("tag") for one in (*nics, *disks)),
        "server.block_device.volume_type": any(one.get("volume_type") for one in disks),
    }
    return frozenset(named | {name for name, is_asked in found.items() if is_asked})


def require_able(binding: Binding, wanted: frozenset[str]) -> None:
    """Whatever chose the zone, its cloud takes the request, as far as its last check told. Raises Invalid."""
    if words := lacking(binding, wanted):
        raise Invalid(f"The cloud of availability zone {binding.availability_zone} is too old for this: no {words}.")


def lacking(binding: Binding, wanted: frozenset[str]) -> str:
    """What of it the zone's cloud cannot do, in words; nothing where no check has told."""
    return ", ".join(sorted(wanted - binding.capabilities)) if binding.capabilities else ""


async def zones(tx: Transaction, bindings: Sequence[Binding], named: str | None, wanted: Wanted) -> list[Zone]:
    """No more is looked up than the choice depends on: a named zone, or ties to one, leave none."""
    found = [Zone(binding, binding.backend_id in wanted.having, 0) for binding in bindings]
    free = not wanted.ties or any(tie.reached for tie in wanted.ties)
    if named is not None or not free or sum(zone.open and zone.has_flavor for zone in found) < 2:
        return found
    unable = await _unable(tx, bindings, wanted)
    known = await room.known(tx)
    for number, zone in enumerate(found):
        there = known.get(zone.binding.backend_id)
        lacks = there.lacks(wanted.amounts) if there else ""
        found[number] = replace(zone, unable=unable[zone.binding.id], full=lacks)
    if wanted.ties or any(zone.binding.default and good(zone) for zone in found):
        return found
    return await _counted(tx, found, wanted.image)


async def full(tx: Transaction, bindings: Sequence[Binding], amounts: Mapping[str, int]) -> set[str]:
    """The backends that have no room for so much. Where there is no choice nobody is asked."""
    known = await room.known(tx) if len(bindings) > 1 else {}
    return {backend_id for backend_id, there in known.items() if there.lacks(amounts)}


async def _unable(tx: Transaction, bindings: Sequence[Binding], wanted: Wanted) -> dict[str, str]:
    """Binding -> what its zone lacks for the server and its ports, as far as its backend's last check told."""
    trunks = any(one.spec.get("trunk_details") for one in wanted.plugged)
    ids = [one.spec.get("qos_policy_id") or one.spec.get("qos_network_policy_id") for one in wanted.plugged]
    named = {policy_id for policy_id in ids if policy_id}
    policies = (await resources.find_many(tx, Kind.QOS_POLICY, named)).values() if named else ()
    without = {binding.id for binding in bindings if routers.lacks_gateways(binding)}
    several = 0 < len(without) < len(bindings) and await routers.some_have_several(tx, wanted.plugged)
    found = {}
    for binding in bindings:
        lacking = [qos_policies.lacking(policy, binding) for policy in policies]
        if trunks and binding.capabilities and "network.trunk" not in binding.capabilities:
            lacking.append("trunks")
        if any(dns_names.lacking(one.spec.get("dns_name"), binding) for one in wanted.plugged):
            lacking.append("names of ports")
        if several and binding.id in without:
            lacking.append("routers with several gateways")
        if binding.capabilities:
            lacking += sorted(wanted.features - binding.capabilities)
        found[binding.id] = next(filter(None, lacking), "")
    return found


async def _counted(tx: Transaction, found: list[Zone], image: Resource | None) -> list[Zone]:
    """With the number of servers in each, and whether the image is there."""
    counted = await tx.execute(
        select(rows.c.backend_id, func.count().label("servers"))
        .where(rows.c.region_id == tx.region_id, rows.c.kind == Kind.SERVER)
        .group_by(rows.c.backend_id)
    )
    servers_on = {row.backend_id: row.servers for row in counted}
    having = (await realizations.places(tx, Kind.IMAGE, [image.id])).get(image.id, set()) if image else set()
    known = ((zone, zone.binding.backend_id) for zone in found)
    return [replace(zone, servers=servers_on.get(there, 0), has_image=there in having) for zone, there in known]
