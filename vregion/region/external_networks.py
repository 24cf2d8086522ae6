"""The external network: one per virtual region, with the subnets of each zone's own network to the outside.

Called when a zone is bound, checked or taken away, with what the backend's last check found. Nothing of it is ours in a
backend: its realizations are written as ready, under the backend's ids, and are never due. Its addresses are given out
by the backends alone. How it comes to be is told in docs/adr/0010-external-networks.md.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource
from vregion.region import networks, realizations, resources, subnets
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction

NAME = "external"
_NAMESPACE = uuid.UUID("5f0d6f0e-6c0b-4a39-9d0e-0b5a6a0f2f55")
_TAKEN = ("cidr", "ip_version", "gateway_ip", "allocation_pools")
_SUBNET: dict[str, Any] = {
    "enable_dhcp": False, "ipv6_ra_mode": None, "ipv6_address_mode": None, "host_routes": [], "dns_nameservers": [],
}  # fmt: skip


def network_id(region_id: str) -> str:
    """Known before there is one."""
    return str(uuid.uuid5(_NAMESPACE, region_id))


def owner(region_id: str) -> str:
    """A project id that no project has: the network is the provider's."""
    return uuid.uuid5(_NAMESPACE, f"{region_id}:provider").hex


def is_external(resource: Resource) -> bool:
    """Whether a network or subnet is the provider's."""
    return bool(resource.spec.get("router:external"))


def chosen(found: Sequence[Mapping[str, Any]], wanted: str | None) -> Mapping[str, Any] | None:
    """Which of a backend's external networks is used: the one named by name or id, the default one, or the only one."""
    if wanted is not None:
        return next((one for one in found if wanted in (one["id"], one["name"])), None)
    default = [one for one in found if one.get("is_default")]
    return default[0] if default else found[0] if len(found) == 1 else None


async def join(
    tx: Transaction, backend_id: str, zone: str, found: Mapping[str, Any] | None, now: datetime
) -> Resource | None:
    """Bring the rows in line with a zone's network to the outside; None: the zone has none (any more)."""
    if found is None:
        await leave(tx, backend_id)
        return None
    network = await _network(tx, found, now)
    await realizations.register(tx, Kind.NETWORK, network.id, backend_id, found["id"])
    wanted = {_subnet_id(network, backend_id, one["id"]): one for one in found["subnets"]}
    there = {subnet.id: subnet for subnet in await subnets.of_network(tx, network.id)}
    for name, subnet in there.items():
        if subnet.backend_id == backend_id and name not in wanted:
            await _forget(tx, subnet)
    for name, one in wanted.items():
        await _subnet(tx, network, there.get(name), _fresh(network, name, backend_id, zone, one, now))
        await realizations.register(tx, Kind.SUBNET, name, backend_id, one["id"])
    return await _list_subnets(tx, network)


async def leave(tx: Transaction, backend_id: str) -> None:
    """The zone goes: its subnets go, and the network with the last one."""
    network = await resources.find(tx, Kind.NETWORK, network_id(tx.region_id))
    if network is None:
        return
    for subnet in await subnets.of_network(tx, network.id):
        if subnet.backend_id == backend_id:
            await _forget(tx, subnet)
    await realizations.unregister(tx, Kind.NETWORK, network.id, backend_id)
    if not (await _list_subnets(tx, network)).spec["subnets"]:
        await resources.remove(tx, Kind.NETWORK, network.id)


async def subnet_of_zone(tx: Transaction, network: Resource, backend_id: str, zone: str) -> Resource:
    """An IPv4 subnet from which the zone gives out addresses. Raises Conflict where there is none."""
    for subnet in await subnets.of_network(tx, network.id):
        if subnet.backend_id == backend_id and subnet.spec["ip_version"] == 4:
            return subnet
    message = f"External network {network.id} is not in availability zone {zone}."
    raise Conflict(message, reason="ExternalNetworkNotInAvailabilityZone")


async def _network(tx: Transaction, found: Mapping[str, Any], now: datetime) -> Resource:
    """The row, to be changed: two zones may be the first at the same time."""
    name = network_id(tx.region_id)
    if await resources.find(tx, Kind.NETWORK, name) is None:
        await _make_network(tx, name, found, now)
    await resources.lock(tx, Kind.NETWORK, name)
    return await resources.get(tx, Kind.NETWORK, name)


async def _make_network(tx: Transaction, name: str, found: Mapping[str, Any], now: datetime) -> None:
    spec: dict[str, Any] = {
        "subnets": [], "admin_state_up": True, "shared": False, "router:external": True, "port_security_enabled": True,
        "mtu": found.get("mtu") or networks.MTU, "mtu_is_chosen": False, "availability_zone_hints": [],
        "description": "", "tags": [], "revision_number": 1,
    }  # fmt: skip
    network = Resource(name, Kind.NETWORK, owner(tx.region_id), "", NAME, "ACTIVE", now, now, spec)
    await resources.insert_new(tx, replace(network, document=resources.dump(networks.document(network))))


def _fresh(
    network: Resource, name: str, backend_id: str, zone: str, found: Mapping[str, Any], now: datetime
) -> Resource:
    taken = {key: found[key] for key in _TAKEN}
    spec = {
        **_SUBNET, **taken, "network_id": network.id, "shared": False, "router:external": True,
        "description": "", "tags": [], "revision_number": 0,
    }  # fmt: skip
    return Resource(
        name, Kind.SUBNET, network.project_id, "", f"{NAME}-{zone}", "ACTIVE", now, now, spec,
        availability_zone=zone, backend_id=backend_id, parent_id=network.id,
    )  # fmt: skip


async def _subnet(tx: Transaction, network: Resource, known: Resource | None, fresh: Resource) -> None:
    if known is None:
        await standard.insert(tx, fresh, subnets.document)
    else:
        spec = {key: fresh.spec[key] for key in _TAKEN}
        await standard.note(tx, known, subnets.document, spec=spec, name=fresh.name)


async def _forget(tx: Transaction, subnet: Resource) -> None:
    await realizations.unregister(tx, Kind.SUBNET, subnet.id, str(subnet.backend_id))
    await resources.remove(tx, Kind.SUBNET, subnet.id)


async def _list_subnets(tx: Transaction, network: Resource) -> Resource:
    listed = await subnets.of_network(tx, network.id)
    zones = sorted({str(subnet.availability_zone) for subnet in listed})
    spec = {"subnets": [subnet.id for subnet in listed], "zones": zones}
    return await standard.note(tx, network, networks.document, spec=spec)


def _subnet_id(network: Resource, backend_id: str, external_id: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{network.id}:{backend_id}:{external_id}"))
