"""A router's instances stay in their zones while their networks do: for its next interface, or for the next router."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.postgresql import database_url as database_url
from tests.postgresql import postgresql as postgresql
from tests.postgresql import postgresql_url as postgresql_url
from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW
from tests.unit.network.outside import RECIPES, WHO, ZONES, lead_outside, router
from tests.unit.network.routed import attach, counted, empty, let_go, on_cloud, plug, routes, two_zones
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.provider import topology as views
from vregion.region import leases, realizations, resources, router_changes, router_interfaces, routers, topology
from vregion.region.regions import Regions

BOTH = ("b1", "b2")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        made.joined.join()
        yield made


def ids(world: World, kind: Kind = Kind.ROUTER) -> list[str]:
    """What the clouds call the routers."""
    return [row["id"] for backend in BOTH for row in on_cloud(world, kind, backend)]


async def again(world: World, *on: Resource, name: str = "r") -> Resource:
    """Another router on these networks."""
    async with world.region.write() as tx:
        made = await router(tx, name=name)
        for inside in on:
            await router_interfaces.add(tx, WHO, made.id, {"subnet_id": inside.spec["subnets"][0]}, ZONES, NOW)
    return made


async def test_the_next_router_has_the_places_of_one_that_was_deleted(world: World) -> None:
    mine, first, second = await two_zones(world)
    segments, before = dict(world.joined.given), ids(world)
    await let_go(world, mine, first, second)
    await world.turn()
    assert counted(world, Kind.ROUTER, Kind.NETWORK, Kind.PORT) == [[1, 2, 2]] * 2
    assert [routes(world, backend) for backend in BOTH] == [{}, {}]
    async with world.region.read() as tx:
        with pytest.raises(NotFound):
            await routers.get(tx, WHO, mine.id)
    made = await again(world, first, second, name="other")
    await world.turn()
    assert set(routes(world, "b1")) == {"10.2.0.0/24"}
    assert set(routes(world, "b2")) == {"10.1.0.0/24"}
    assert ids(world) == before
    assert [on_cloud(world, Kind.ROUTER, backend)[0]["name"] for backend in BOTH] == ["other"] * 2
    calls = [[cloud.faults.count("create", kind) for kind in (Kind.NETWORK, Kind.ROUTER, Kind.PORT)]
             for cloud in world.clouds.values()]  # fmt: skip
    assert calls[:2] == [[2, 1, 4]] * 2, "its server's port, its place on the transit network, and two interfaces"
    assert world.joined.given == segments
    async with world.region.read() as tx:
        assert not await realizations.of_resource(tx, Kind.ROUTER, mine.id)
        assert await resources.find(tx, Kind.ROUTER, mine.id) is None
        doors = await routers.doors(tx, made.id)
    assert {door.spec["device_id"] for door in doors} == {made.id}
    await let_go(world, made, first, second)
    await empty(world, first)
    await world.turn()
    assert counted(world, Kind.ROUTER, Kind.NETWORK, Kind.SUBNET, Kind.PORT) == [[0, 0, 0, 0], [0, 1, 1, 1]]
    assert world.joined.given == {}, "no zone is left that it could lead to"


async def test_a_spare_is_nobodys_and_there_is_one(world: World) -> None:
    mine, first, second = await two_zones(world)
    async with world.region.write() as tx:
        other = await router(tx)
        more = [await attach(tx, other, f"10.{n}.0.0/24", availability_zone_hints=[f"az{n - 2}"]) for n in (3, 4)]
        for number, inside in enumerate(more, 1):
            await plug(world, tx, inside, f"more-{number}", f"b{number}")
    await world.turn()
    await let_go(world, mine, first, second)
    await let_go(world, other, *more)
    await world.turn()
    assert len(ids(world)) == 2
    told = {"tenant": "acme", "zones": [], **await topology.topology(world.region)}
    for place in views._all_places(told):
        place["zone"] = place.pop("backend_id")
    assert "spare router (r): b1 ready, b2 ready" in views.text(told).splitlines()


async def test_one_that_is_at_work_is_not_taken(world: World) -> None:
    mine, first, second = await two_zones(world)
    before = ids(world)
    await let_go(world, mine, first, second)
    made = await again(world, first, second)
    await world.turn()
    there = [on_cloud(world, Kind.ROUTER, backend) for backend in BOTH]
    assert [len(found) for found in there] == [2, 2], "its interfaces were on their way out"
    assert [[len(one["routes"]) for one in found if one["id"] not in before] for found in there] == [[1], [1]]
    await let_go(world, made, first, second)
    await world.turn()
    assert ids(world) == before, "and one is enough"


async def test_where_it_waits_it_has_no_gateway(world: World) -> None:
    outside = await lead_outside(world)
    mine, first, second = await two_zones(world, outside)

    def gateways() -> list[bool]:
        return [bool(on_cloud(world, Kind.ROUTER, backend)[0]["external_gateway_info"]) for backend in BOTH]

    assert gateways() == [True, True]
    only = {"subnet_id": first.spec["subnets"][0]}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, only, NOW)
    await world.turn()
    assert gateways() == [False, True]
    async with world.region.read() as tx:
        shown = routers.document(await routers.get(tx, WHO, mine.id))["external_gateway_info"]["external_fixed_ips"]
    assert [ip["ip_address"].rpartition(".")[0] for ip in shown] == ["203.0.114"]
    async with world.region.write() as tx:
        await router_interfaces.add(tx, WHO, mine.id, only, ZONES, NOW)
    await world.turn()
    assert gateways() == [True, True]
    await let_go(world, mine, first, second)
    await world.turn()
    assert gateways() == [False, False]


async def test_an_interface_that_comes_while_the_gateway_goes_brings_it_back(world: World) -> None:
    outside = await lead_outside(world)
    mine, first, _ = await two_zones(world, outside)
    only = {"subnet_id": first.spec["subnets"][0]}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, only, NOW)
    came = False

    async def come(moment: str, operation: str, kind: Kind | None) -> None:
        nonlocal came
        if not came and (moment, operation, kind) == ("before", "update", Kind.ROUTER):
            came = True
            async with world.region.write() as tx:
                await router_interfaces.add(tx, WHO, mine.id, only, ZONES, NOW)

    world.clouds["b1"].faults.crash = come
    await world.turn()
    assert came
    assert on_cloud(world, Kind.ROUTER, "b1")[0]["external_gateway_info"]
    assert set(routes(world, "b1")) == {"10.2.0.0/24"}


async def test_a_router_whose_interconnect_ends_waits_for_nothing(world: World) -> None:
    mine, first, second = await two_zones(world)
    await let_go(world, mine, first, second)
    await world.turn()
    world.joined.known.clear()
    async with world.region.write() as tx:
        await realizations.look_at_all(tx, Kind.ROUTER, NOW)
    await world.turn()
    assert counted(world, Kind.ROUTER, Kind.NETWORK) == [[0, 1], [0, 1]]


async def test_what_somebody_works_on_is_not_passed_on(tmp_path: Path, database_url: str) -> None:
    regions = Regions(database_url, tmp_path)
    await regions.prepare()
    region = await regions.open("r1")
    async with region.write() as tx:
        for backend_id in BOTH:
            await realizations.register(tx, Kind.ROUTER, "spare", backend_id, f"there-{backend_id}")
        await realizations.look_at_all(tx, Kind.ROUTER, NOW, "b2")
        (claim,) = await leases.claim(tx, "worker", "b2", NOW, timedelta(minutes=1), 5)
        assert not await leases.pass_on(tx, Kind.ROUTER, "spare", "next", NOW)
        await leases.finish(tx, claim.realization, None)
        assert await leases.pass_on(tx, Kind.ROUTER, "spare", "next", NOW)
        assert not await realizations.of_resource(tx, Kind.ROUTER, "spare")
        found = await realizations.of_resource(tx, Kind.ROUTER, "next")
        with pytest.raises(leases.LeaseLost):
            await leases.save(tx, claim.realization, observed={})
    await regions.close()
    assert {one.external_id for one in found} == {"there-b1", "there-b2"}


async def test_a_worker_that_dies_anywhere_leaves_one_router(tmp_path: Path) -> None:
    """Deleted, made again, deleted with its networks; killed at every seventh point: nothing doubled, nothing kept."""
    point, died = 0, True
    while died:
        async with World(tmp_path / str(point), RECIPES) as world:
            world.joined.join()
            mine, *on = await two_zones(world)
            await let_go(world, mine, *on)
            died = await world.die_at(point)
            made = await again(world, *on)
            died = await world.die_at(point) or died
            assert set(routes(world, "b1")) == {"10.2.0.0/24"}, point
            assert set(routes(world, "b2")) == {"10.1.0.0/24"}, point
            async with world.region.write() as tx:
                await router_changes.update(tx, WHO, made.id, {"name": "renamed"}, None, NOW)
            await let_go(world, made, *on)
            await empty(world, *on)
            died = await world.die_at(point) or died
            assert world.joined.given == {}, point
            assert counted(world, Kind.ROUTER, Kind.NETWORK, Kind.PORT) == [[0, 0, 0]] * 2, point
        point += 7
