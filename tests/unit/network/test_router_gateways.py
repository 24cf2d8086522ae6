"""Several gateways of one router: what a tenant may ask for, and what a zone's router comes to have of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW, network
from tests.unit.network.outside import RECIPES, WHO, bound, floating_ip, joined, lead_outside, plug, router
from vregion.drivers.memory.cloud import Row
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import (
    floating_ips,
    ports,
    resources,
    router_changes,
    router_gateways,
    routers,
)
from vregion.region.regions import Transaction

ABLE, UNABLE = frozenset({routers.SEVERAL}), frozenset({"network.qos"})
BINDINGS = [replace(bound(zone), capabilities=ABLE) for zone in ("az1", "az2")]
MIXED = [replace(BINDINGS[0], capabilities=UNABLE), BINDINGS[1]]


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def there(world: World, backend_id: str = "b1") -> Row:
    """The router's row in a cloud."""
    (row,) = world.clouds[backend_id].of(Kind.ROUTER)
    return row


def addresses(gateways: list[dict[str, Any]]) -> list[str]:
    return [ip["ip_address"] for one in gateways for ip in one["external_fixed_ips"]]


def on_cloud(world: World, backend_id: str = "b1") -> list[str]:
    """The addresses of the router's gateways in a cloud, the first one's first."""
    row = there(world, backend_id)
    return addresses([*filter(None, [row.document["external_gateway_info"]]), *row.extra["more"]])


async def shown(tx: Transaction, mine: Resource) -> list[str]:
    """What its tenant sees of them."""
    document = orjson.loads((await resources.get(tx, Kind.ROUTER, mine.id)).document)
    every, first = document["external_gateways"], document["external_gateway_info"]
    assert addresses(every[:1]) == (addresses([first]) if first else [])
    return addresses(every)


async def add(tx: Transaction, mine: Resource, outside: str, number: int = 1) -> Resource:
    return await router_gateways.add(tx, WHO, mine.id, [{"network_id": outside}] * number, BINDINGS, NOW)


async def remove(tx: Transaction, mine: Resource, outside: str, *ips: str) -> Resource:
    wanted = [{"network_id": outside, "external_fixed_ips": [{"ip_address": ip}]} for ip in ips]
    return await router_gateways.remove(tx, WHO, mine.id, wanted, NOW)


async def placed(world: World, outside: str, *zones: str) -> Resource:
    """A router with a gateway, and a server behind it in each zone, on a network of its own."""
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        for number, zone in enumerate(zones):
            await plug(tx, await joined(tx, mine, f"10.{number}.0.0/24"), f"s-{zone}", zone)
    await world.turn()
    return mine


async def test_further_gateways_come_in_every_zone_and_go_by_their_addresses(world: World) -> None:
    outside = await lead_outside(world)
    mine = await placed(world, outside, "az1", "az2")
    async with world.region.write() as tx:
        before = await shown(tx, mine)
        assert len(before) == 2, "one address in each zone"
        await add(tx, mine, outside, 2)
        assert await shown(tx, mine) == before
    await world.turn()
    async with world.region.write() as tx:
        found = await shown(tx, mine)
        assert sorted(found) == sorted(on_cloud(world) + on_cloud(world, "b2"))
        assert len(found) == 6
        doors = await routers.gateway_ports(tx, mine.id)
        assert sorted(ip["ip_address"] for port in doors for ip in port.spec["fixed_ips"]) == sorted(found)
        gone = on_cloud(world, "b2")[2]  # of one of the two, in one zone, which tells which is meant in both
        await remove(tx, mine, outside, gone)
    await world.turn()
    assert [len(on_cloud(world, backend)) for backend in ("b1", "b2")] == [2, 2]
    assert gone not in on_cloud(world, "b2")
    async with world.region.read() as tx:
        assert sorted(await shown(tx, mine)) == sorted(on_cloud(world) + on_cloud(world, "b2"))
        assert len(await routers.gateway_ports(tx, mine.id)) == 2


async def test_an_address_that_was_removed_goes_although_another_gateway_comes(world: World) -> None:
    outside = await lead_outside(world)
    mine = await placed(world, outside, "az1")
    async with world.region.write() as tx:
        await add(tx, mine, outside)
    await world.turn()
    gone = on_cloud(world)[1]
    held = there(world).document["external_gateway_info"]
    async with world.region.write() as tx:
        await remove(tx, mine, outside, gone)
        await add(tx, mine, outside)
    calls = world.cloud.faults.calls
    calls.clear()
    await world.turn()
    assert len([one for one in calls if one == ("call", Kind.ROUTER)]) == 2, "one is removed, one is added"
    assert len(on_cloud(world)) == 2
    assert there(world).document["external_gateway_info"] == held


async def test_a_gateway_that_the_provider_added_stays(world: World) -> None:
    outside = await lead_outside(world)
    mine = await placed(world, outside, "az1")
    held = there(world).document["external_gateway_info"]
    foreign = {**held, "external_fixed_ips": [{**held["external_fixed_ips"][0], "ip_address": "203.0.113.250"}]}
    there(world).extra["more"].append(foreign)
    async with world.region.write() as tx:
        await add(tx, mine, outside)
    await world.turn()
    async with world.region.write() as tx:
        found = await shown(tx, mine)
        assert "203.0.113.250" not in found
        await remove(tx, mine, outside, found[1])
    await world.turn()
    assert on_cloud(world)[1:] == ["203.0.113.250"]


async def test_the_first_one_goes_last_and_all_of_them_at_once(world: World) -> None:
    outside = await lead_outside(world)
    mine = await placed(world, outside, "az1")
    async with world.region.write() as tx:
        await add(tx, mine, outside)
    await world.turn()
    first, second = on_cloud(world)
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="first of several, which goes last"):
            await remove(tx, mine, outside, first)
        with pytest.raises(Conflict, match="first of several, which goes last"):
            await router_changes.update(tx, WHO, mine.id, {"external_gateway_info": None}, None, NOW)
        await remove(tx, mine, outside, second, first)
        assert not await routers.gateway_ports(tx, mine.id)
    await world.turn()
    assert on_cloud(world) == []
    assert there(world).document["external_gateway_info"] is None


async def test_a_router_leaves_its_gateways_where_it_leaves(world: World) -> None:
    """Its own go with it; one that a floating IP needs is not closed."""
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        port = await plug(tx, inside, "s1")
        await add(tx, mine, outside)
    await world.turn()
    async with world.region.write() as tx:
        ip = await floating_ip(tx, outside, port_id=port.id)
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="is required by one or more floating IPs"):
            await router_gateways.replace(tx, WHO, mine.id, [], NOW)
    async with world.region.read() as tx:
        assert len(await routers.gateway_ports(tx, mine.id)) == 2, "a refusal leaves nothing behind"
    async with world.region.write() as tx:
        await floating_ips.delete(tx, WHO, ip.id, None, NOW)
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
        await router_gateways.replace(tx, WHO, mine.id, [], NOW)
        assert await shown(tx, mine) == []
    await world.turn()
    assert on_cloud(world) == []


async def test_what_cannot_be_is_refused_in_neutrons_words(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx)
        inside = await network(tx, WHO)
        with pytest.raises(Conflict, match="Unable to remove extra gateways from a router"):
            await remove(tx, mine, outside, "203.0.113.9")
        with pytest.raises(NotFound, match="Network nothing could not be found"):
            await add(tx, mine, "nothing")
        with pytest.raises(Invalid, match="is not an external network"):
            await add(tx, mine, inside.id)
        await add(tx, mine, outside, 2)
        for wanted in ({"network_id": outside}, {"network_id": outside, "external_fixed_ips": [{"subnet_id": "x"}]}):
            with pytest.raises(Conflict, match="Unable to match a requested gateway port"):
                await router_gateways.remove(tx, WHO, mine.id, [wanted], NOW)
        with pytest.raises(Conflict, match="Unable to match a requested gateway port"):
            await router_gateways.replace(tx, WHO, mine.id, [{"network_id": outside}], NOW)
        with pytest.raises(Conflict, match="more than 16 gateways"):
            await add(tx, mine, outside, 15)
        assert len(await routers.gateway_ports(tx, mine.id)) == 2
        await add(tx, mine, outside, 14)
        await router_gateways.replace(tx, WHO, mine.id, [], NOW)
        await router_gateways.replace(tx, WHO, mine.id, [{"network_id": outside}] * 2, NOW)
        assert len(await routers.gateway_ports(tx, mine.id)) == 1, "two of one network are one to Neutron's update"
        with pytest.raises(Conflict, match="Unable to match a requested gateway port"):
            await router_gateways.remove(tx, WHO, mine.id, [{"network_id": None}], NOW)
        await router_gateways.remove(tx, WHO, mine.id, [{"network_id": outside}], NOW)
        assert not await routers.gateway_ports(tx, mine.id)


async def test_a_zone_whose_routers_have_one_is_refused(world: World) -> None:
    outside = await lead_outside(world)
    mine = await placed(world, outside, "az1")
    wanted = [{"network_id": outside}]
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="has several gateways, and availability zone az1 has one for each router"):
            await router_gateways.add(tx, WHO, mine.id, wanted, MIXED, NOW)
    async with world.region.write() as tx:
        free = await router(tx, outside)
        await router_gateways.add(tx, WHO, free.id, wanted, MIXED, NOW)
        inside = await joined(tx, free, "10.9.0.0/24")
        asked = {"uuid": inside.id}
        assert await routers.some_have_several(tx, [inside])
        with pytest.raises(Conflict, match="availability zone az1 has one for each router"):
            await ports.plug(tx, WHO, asked, "s2", WHO.project_id, MIXED[0], [], NOW)
    async with world.region.write() as tx:
        nowhere = await router(tx)
        none = [replace(binding, capabilities=UNABLE) for binding in BINDINGS]
        with pytest.raises(Conflict, match="cannot have several gateways in any availability zone"):
            await router_gateways.add(tx, WHO, nowhere.id, wanted * 2, none, NOW)


async def test_a_worker_that_dies_anywhere_leaves_as_many_as_were_asked_for(tmp_path: Path) -> None:
    """Added, one of them removed, killed at every point: nothing doubled, nothing kept."""
    point, died = 0, True
    while died:
        async with World(tmp_path / str(point), RECIPES) as world:
            outside = await lead_outside(world)
            mine = await placed(world, outside, "az1")
            async with world.region.write() as tx:
                await add(tx, mine, outside, 2)
            died = await world.die_at(point)
            first, second, third = on_cloud(world)
            async with world.region.write() as tx:
                assert await shown(tx, mine) == [first, second, third], point
                await remove(tx, mine, outside, second)
                await add(tx, mine, outside)
            died = await world.die_at(point) or died
            kept = on_cloud(world)
            assert kept[:2] == [first, third], point
            assert len(kept) == 3, point
            async with world.region.write() as tx:
                assert sorted(await shown(tx, mine)) == sorted(kept), point
                await router_gateways.replace(tx, WHO, mine.id, [], NOW)
            died = await world.die_at(point) or died
            assert on_cloud(world) == [], point
            outer = next(row for row in world.cloud.of(Kind.NETWORK) if row.document["router:external"])
            assert outer.extra["addresses"] == set(), point
        point += 1
