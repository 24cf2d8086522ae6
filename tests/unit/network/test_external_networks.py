"""The external network when several zones bring it at the same time."""

import asyncio
from typing import Any

from tests.unit.network.network_rows import NOW
from vregion.model.resource import Kind
from vregion.region import external_networks, resources
from vregion.region.regions import Region


async def test_two_zones_are_the_first_at_once(region: Region) -> None:
    """Each finds no network and makes it: it is there once, with the subnets of both."""

    async def join(number: int) -> None:
        pool = {"cidr": f"203.0.{113 + number}.0/24", "ip_version": 4, "gateway_ip": None, "allocation_pools": []}
        found: dict[str, Any] = {"id": f"x{number}", "name": "public", "subnets": [{"id": "s", **pool}]}
        async with region.write() as tx:
            await external_networks.join(tx, f"b{number}", f"az{number}", found, NOW)

    await asyncio.gather(*(join(number) for number in range(4)))
    async with region.read() as tx:
        network = await resources.get(tx, Kind.NETWORK, external_networks.network_id(tx.region_id))
        assert len(network.spec["subnets"]) == 4
        assert len(await resources.children(tx, Kind.SUBNET, network.id)) == 4
