"""The topology that a project gets by asking for it: a network with a subnet of each default pool, behind a router.

Called by the API (29.0.0 `neutron/services/auto_allocate/db.py`). The network remembers that it is one, and its router.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource
from vregion.region import (
    external_networks,
    networks,
    resources,
    router_changes,
    router_interfaces,
    routers,
    subnet_pools,
    subnets,
    usages,
)
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

_ROUTER = "auto_allocated_router"
_NETWORK: dict[str, Any] = {
    "name": "auto_allocated_network", "admin_state_up": True, "mtu": 0, "shared": False, "router:external": False,
    "port_security_enabled": True, "availability_zone_hints": [],
}  # fmt: skip
_SUBNET: dict[str, Any] = {
    "enable_dhcp": True, "ipv6_ra_mode": None, "ipv6_address_mode": None, "dns_nameservers": [], "host_routes": [],
}  # fmt: skip


async def check(tx: Transaction, caller: Caller) -> list[Resource]:
    """The default pools. Raises Conflict when there is none, or no way outside."""
    await _outside(tx)
    pools = [await subnet_pools.default(tx, caller, version) for version in (4, 6)]
    if not any(pools):
        raise _failure("No default subnetpools defined")
    return [pool for pool in pools if pool]


async def find(tx: Transaction, caller: Caller) -> Resource | None:
    """The network of the caller's project, if it has been made."""
    filters = (Filter("deleting", False), Filter(f"spec.{_ROUTER}", False, "null"))
    found = await resources.list_resources(tx, Query(Kind.NETWORK, caller.project_id, filters, limit=1))
    return found[0] if found else None


async def make(tx: Transaction, caller: Caller, zones: Mapping[str, str], now: datetime) -> Resource:
    """The network of the caller's project, with all that belongs to it; one, however many ask at once."""
    await standard.reserve(tx, caller.project_id, "network")  # locks the row of the quota
    known = await find(tx, caller)
    await usages.release(tx, caller.project_id, {"network": 1})
    if known is not None:
        return known
    pools = await check(tx, caller)
    network = await networks.create(tx, caller, _NETWORK, zones, now)
    wanted = {
        "name": _ROUTER,
        "admin_state_up": True,
        "availability_zone_hints": [],
        "external_gateway_info": {"network_id": await _outside(tx)},
    }
    router = await router_changes.create(tx, caller, wanted, zones, now)
    for pool in pools:
        version = pool.spec["ip_version"]
        named = {"name": f"auto_allocated_subnet_v{version}", "ip_version": version, "subnetpool_id": pool.id}
        subnet = await subnets.create(tx, caller, {**_SUBNET, **named, "network_id": network.id}, now)
        await router_interfaces.add(tx, caller, router.id, {"subnet_id": subnet.id}, zones, now)
    network = await resources.get(tx, Kind.NETWORK, network.id)
    return await standard.note(tx, network, networks.document, spec={_ROUTER: router.id})


async def delete(tx: Transaction, caller: Caller, now: datetime) -> None:
    """All of it; what a server still uses prevents that."""
    network = await find(tx, caller)
    if network is None:
        return
    router = await resources.find(tx, Kind.ROUTER, network.spec[_ROUTER])
    if router is not None and not router.deleting:
        for port in await routers.interfaces(tx, router.id):
            await router_interfaces.remove(tx, caller, router.id, {"port_id": port.id}, now)
        await router_changes.delete(tx, caller, router.id, None, now)
    await networks.delete(tx, caller, network.id, None, now)


async def _outside(tx: Transaction) -> str:
    found = await resources.find(tx, Kind.NETWORK, external_networks.network_id(tx.region_id))
    if found is None:
        raise _failure("No default router:external network")
    return found.id


def _failure(words: str) -> Conflict:
    return Conflict(f"Deployment error: {words}.", reason="AutoAllocationFailure")
