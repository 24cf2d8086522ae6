"""A router over two zones, what its clouds have of it, and its end."""

from typing import Any

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW, network, subnet
from tests.unit.network.outside import WHO, ZONES, router
from vregion.model.resource import Kind, Resource
from vregion.region import addresses, networks, ports, resources, router_changes, router_interfaces
from vregion.region.regions import Transaction


def on_cloud(world: World, kind: Kind, backend: str) -> list[dict[str, Any]]:
    """What the tenant's project has there."""
    return [row.document for row in world.clouds[backend].of(kind, "project") if row.document.get("name") != "default"]


def routes(world: World, backend: str) -> dict[str, str]:
    """destination -> next hop of the one router there."""
    (there,) = on_cloud(world, Kind.ROUTER, backend)
    assert len({route["destination"] for route in there["routes"]}) == len(there["routes"])
    return {route["destination"]: route["nexthop"] for route in there["routes"]}


def transit_addresses(world: World, backend: str) -> set[str]:
    """The router's addresses on its transit network there."""
    nets = {net["id"] for net in on_cloud(world, Kind.NETWORK, backend) if net["name"].startswith("transit over")}
    found = [port for port in on_cloud(world, Kind.PORT, backend) if port["network_id"] in nets]
    assert len(found) <= 1
    return {ip["ip_address"] for port in found for ip in port["fixed_ips"]}


async def attach(tx: Transaction, on: Resource, cidr: str, version: int = 4, **wanted: Any) -> Resource:
    """A network with one subnet that the router is on; no hint: it may span zones."""
    inside = await network(tx, WHO, name=f"net-{cidr}", **wanted)
    below = await subnet(tx, WHO, inside, ip_version=version, cidr=cidr)
    await router_interfaces.add(tx, WHO, on.id, {"subnet_id": below.id}, ZONES, NOW)
    return await resources.get(tx, Kind.NETWORK, inside.id)


async def plug(world: World, tx: Transaction, on: Resource, server: str, backend: str) -> Resource:
    asked = {"uuid": on.id}
    return await ports.plug(tx, WHO, asked, server, WHO.project_id, world.binding(backend), [], NOW)


async def two_zones(world: World, outside: str | None = None) -> tuple[Resource, Resource, Resource]:
    """A router, and on it a local network with a server in each zone."""
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        first = await attach(tx, mine, "10.1.0.0/24", availability_zone_hints=["az1"])
        second = await attach(tx, mine, "10.2.0.0/24", availability_zone_hints=["az2"])
        await plug(world, tx, first, "s1", "b1")
        await plug(world, tx, second, "s2", "b2")
    await world.turn()
    return mine, first, second


async def let_go(world: World, mine: Resource, *on: Resource) -> None:
    """The router's end, its interfaces before it."""
    async with world.region.write() as tx:
        for inside in on:
            await router_interfaces.remove(tx, WHO, mine.id, {"subnet_id": inside.spec["subnets"][0]}, NOW)
        await router_changes.delete(tx, WHO, mine.id, None, NOW)


async def empty(world: World, *on: Resource) -> None:
    """The networks' end, their servers' ports before them."""
    async with world.region.write() as tx:
        for inside in on:
            for port_id in await addresses.ports_of_network(tx, inside.id):
                await ports.unplug(tx, await resources.get(tx, Kind.PORT, port_id), NOW)
            await networks.delete(tx, WHO, inside.id, None, NOW)


def counted(world: World, *kinds: Kind) -> list[list[int]]:
    """How many of each kind there are in each of two zones."""
    return [[len(on_cloud(world, kind, backend)) for kind in kinds] for backend in ("b1", "b2")]
