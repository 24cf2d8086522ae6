"""A region over two clouds that lead to the outside, and short ways to its routers and floating IPs."""

from collections.abc import Sequence
from typing import Any

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW, caller, network, subnet
from vregion.drivers.memory import MemoryDriver
from vregion.drivers.memory.networks import Networks
from vregion.model.backend import Binding
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipes import RECIPES as RECIPES
from vregion.region import external_networks, floating_ips, ports, resources, router_changes, router_interfaces
from vregion.region.regions import Transaction

WHO = caller("project")
ZONES = {"az1": "b1", "az2": "b2"}


async def lead_outside(world: World) -> str:
    """Both clouds have a network to the outside, and the region knows; its network's id."""
    for number, (zone, backend_id) in enumerate(ZONES.items()):
        Networks.to_the_outside(world.clouds[backend_id], f"203.0.{113 + number}.0/24")
        async with world.region.write() as tx:
            await tell(world, tx, backend_id, zone)
    return external_networks.network_id(world.region_id)


async def tell(world: World, tx: Transaction, backend_id: str, zone: str) -> None:
    """What a check of the backend finds reaches the region."""
    found = (await MemoryDriver(world.clouds[backend_id], "provider").check()).external_networks
    await external_networks.join(tx, backend_id, zone, external_networks.chosen(found, None), NOW)


async def router(tx: Transaction, outside: str | None = None, **wanted: Any) -> Resource:
    """A router as the API asks for it."""
    gateway = {"network_id": outside} if outside else None
    plain = {"name": "r", "admin_state_up": True, "availability_zone_hints": [], "external_gateway_info": gateway}
    return await router_changes.create(tx, WHO, plain | wanted, ZONES, NOW)


async def joined(tx: Transaction, on: Resource, cidr: str = "10.0.0.0/24") -> Resource:
    """A network with a subnet that a router is on; the network."""
    inside = await network(tx, WHO, name=f"net-{cidr}")
    made = await subnet(tx, WHO, inside, ip_version=4, cidr=cidr)
    await router_interfaces.add(tx, WHO, on.id, {"subnet_id": made.id}, ZONES, NOW)
    return await resources.get(tx, Kind.NETWORK, inside.id)


def bound(zone: str) -> Binding:
    """A zone that nothing joins with others."""
    return Binding(zone, "r1", zone, ZONES[zone], "enabled", default=zone == "az1")


async def plug(tx: Transaction, on: Resource, server: str, zone: str = "az1", **wanted: Any) -> Resource:
    """A port of a server in a zone."""
    asked = {"uuid": on.id, **wanted}
    return await ports.plug(tx, WHO, asked, server, WHO.project_id, bound(zone), [], NOW)


async def floating_ip(
    tx: Transaction, outside: str, zones: Sequence[Binding] | None = None, /, **wanted: Any
) -> Resource:
    """A floating IP as the API asks for it; without `zones` nothing joins the two."""
    zones = zones or [bound("az1"), bound("az2")]
    plain = {"floating_network_id": outside, "description": "", "project_id": WHO.project_id}
    return await floating_ips.create(tx, WHO, plain | wanted, zones, NOW)
