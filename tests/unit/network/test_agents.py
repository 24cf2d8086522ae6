"""The region's L3 agent: a router that is taken off it is down in its zones until it is put on it again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW, caller
from tests.unit.network.outside import RECIPES, WHO, floating_ip, joined, lead_outside, plug, router
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import agents, resources, router_changes, routers


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def up(world: World) -> dict[str, bool]:
    """Where the router is, and whether it carries packets there."""
    of_clouds = world.clouds.items()
    return {name: row.document["admin_state_up"] for name, cloud in of_clouds for row in cloud.of(Kind.ROUTER)}


async def schedule(world: World, mine: Resource, *, on: bool) -> None:
    async with world.region.write() as tx:
        await agents.schedule(tx, WHO, mine.id, NOW, on=on)


async def seen(world: World, kind: Kind, of: Resource) -> dict[str, Any]:
    async with world.region.read() as tx:
        found = await resources.get(tx, kind, of.id)
    return {"status": found.status, "revision": found.spec["revision_number"]}


async def test_a_router_off_the_agent_is_down_in_every_zone_and_its_floating_ip_with_it(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        assert not routers.is_hosted(mine), "it is in no zone yet"
        port = await plug(tx, await joined(tx, mine), "s1")
        await plug(tx, await joined(tx, mine, "10.0.1.0/24"), "s2", "az2")
        ip = await floating_ip(tx, outside, port_id=port.id)
    await world.turn()
    assert up(world) == {"b1": True, "b2": True}
    before = await seen(world, Kind.ROUTER, mine)
    async with world.region.read() as tx:
        assert [one.id for one in await agents.carried(tx)] == [mine.id]
        assert await agents.load(tx) == {"routers": 1, "ex_gw_ports": 1, "interfaces": 2, "floating_ips": 1}
    await schedule(world, mine, on=False)
    await world.turn()
    assert up(world) == {"b1": False, "b2": False}
    assert (await seen(world, Kind.FLOATING_IP, ip))["status"] == "DOWN"
    async with world.region.read() as tx:
        assert await agents.carried(tx) == []
        assert routers.document(await resources.get(tx, Kind.ROUTER, mine.id))["availability_zones"] == []
    async with world.region.write() as tx:
        await router_changes.update(tx, WHO, mine.id, {"admin_state_up": True, "name": "again"}, None, NOW)
        await plug(tx, await joined(tx, mine, "10.0.2.0/24"), "s3")
    await world.turn()
    assert up(world) == {"b1": False, "b2": False}, "whatever else the tenant changes"
    await schedule(world, mine, on=True)
    await schedule(world, mine, on=True)
    await world.turn()
    assert up(world) == {"b1": True, "b2": True}
    assert (await seen(world, Kind.FLOATING_IP, ip))["status"] == "ACTIVE"
    assert (await seen(world, Kind.ROUTER, mine))["revision"] == before["revision"] + 2, "the update, and an interface"


async def test_a_router_that_the_tenant_wants_down_is_not_up_for_being_put_on_the_agent(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx, admin_state_up=False)
        await plug(tx, await joined(tx, mine), "s1")
    await world.turn()
    await schedule(world, mine, on=True)
    await world.turn()
    assert up(world) == {"b1": False}


async def test_a_floating_ip_is_down_with_a_router_that_the_tenant_puts_down(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        port = await plug(tx, await joined(tx, mine), "s1")
        ip = await floating_ip(tx, outside, port_id=port.id)
    await world.turn()
    for state, status in ((False, "DOWN"), (True, "ACTIVE")):
        async with world.region.write() as tx:
            await router_changes.update(tx, WHO, mine.id, {"admin_state_up": state}, None, NOW)
        await world.turn(timedelta(minutes=1))
        assert (await seen(world, Kind.FLOATING_IP, ip))["status"] == status


async def test_a_worker_that_dies_leaves_it_as_it_was_put_last(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
        await plug(tx, await joined(tx, mine), "s1")
    await world.turn()
    point, on, died = 0, True, True
    while died:
        on = not on
        await schedule(world, mine, on=on)
        died = await world.die_at(point)
        assert up(world) == {"b1": on}, point
        point += 1
    assert point > 4


async def test_no_other_agent_and_no_other_tenants_router(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
    async with world.region.write() as tx:
        agents.check(tx, agents.agent_id(tx.region_id))
        with pytest.raises(NotFound, match="Agent nope could not be found"):
            agents.check(tx, "nope")
        with pytest.raises(NotFound, match="could not be found"):
            await agents.schedule(tx, caller("another"), mine.id, NOW, on=False)
    assert UUID(agents.agent_id("r1")) != UUID(agents.agent_id("r2"))
