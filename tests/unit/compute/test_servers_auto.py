"""A boot with `networks: auto` in a project without a network makes the auto-allocated topology, once, or nothing."""

import uuid

import orjson
import pytest

from tests.unit.compute.test_servers import ME, NOW, booted, used
from tests.unit.network.network_rows import network
from tests.unit.network.test_subnet_pools import pool
from vregion.drivers.memory import MemoryCloud, MemoryDriver
from vregion.drivers.memory.networks import Networks
from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import auto_allocated_topology, external_networks, networks, ports, resources, usages
from vregion.region.regions import Region, Transaction

UNABLE = "^Unable to automatically allocate a network for project project$"


async def outside(region: Region) -> None:
    """A zone leads to the outside."""
    cloud = MemoryCloud(str(uuid.uuid4()))
    Networks.to_the_outside(cloud, "203.0.113.0/24")
    found = (await MemoryDriver(cloud, "provider").check()).external_networks
    async with region.write() as tx:
        await external_networks.join(tx, "one", "az1", external_networks.chosen(found, None), NOW)


async def networks_of(tx: Transaction, server: Resource) -> list[str]:
    return [port.spec["network_id"] for port in await ports.of_server(tx, server.id)]


async def test_it_is_made_once_and_every_server_is_on_it(region: Region) -> None:
    await outside(region)
    async with region.write() as tx:
        await pool(tx, ME, is_default=True, default_prefixlen=24)
        servers = [server for _ in range(2) for server in await booted(tx, networks="auto")]
        topology = await auto_allocated_topology.find(tx, ME)
        assert topology is not None
        assert [await networks_of(tx, server) for server in servers] == [[topology.id], [topology.id]]
        routers = await resources.list_resources(tx, resources.Query(Kind.ROUTER, ME.project_id))
        outward = [orjson.loads(router.document)["external_gateway_info"]["network_id"] for router in routers]
        assert outward == [external_networks.network_id(tx.region_id)]


async def test_without_a_default_pool_nothing_is_made(region: Region) -> None:
    await outside(region)
    with pytest.raises(Invalid, match=UNABLE):
        async with region.write() as tx:
            await booted(tx, networks="auto")
    async with region.read() as tx:
        assert await networks.candidates(tx, ME.project_id) == []
        assert (await used(tx))["instances"] == 0


async def test_a_full_quota_is_the_same_refusal(region: Region) -> None:
    await outside(region)
    async with region.write() as tx:
        await pool(tx, ME, is_default=True, default_prefixlen=24)
        await usages.set_limits(tx, ME.project_id, {"network": 0})
        with pytest.raises(Invalid, match=UNABLE):
            await booted(tx, networks="auto")


async def test_several_networks_are_too_many(region: Region) -> None:
    await outside(region)
    async with region.write() as tx:
        await pool(tx, ME, is_default=True, default_prefixlen=24)
        await booted(tx, networks="auto")
        await network(tx, ME)
        with pytest.raises(Conflict, match="Multiple possible networks found, use a Network ID to be more specific"):
            await booted(tx, networks="auto")
