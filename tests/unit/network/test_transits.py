"""A router in two zones: its instances meet on a transit network, with one route per remote prefix, and part again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW, caller, network, subnet
from tests.unit.network.outside import RECIPES, WHO, ZONES, router
from tests.unit.network.routed import (
    attach,
    counted,
    empty,
    let_go,
    on_cloud,
    plug,
    routes,
    transit_addresses,
    two_zones,
)
from vregion.ipam import transit
from vregion.model.resource import Kind, Resource
from vregion.provider import topology as views
from vregion.region import (
    networks,
    ports,
    realizations,
    resources,
    router_changes,
    router_interfaces,
    topology,
)
from vregion.region.regions import Transaction


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        made.joined.join()
        yield made


async def test_two_local_networks_reach_each_other_by_one_route_per_prefix(world: World) -> None:
    await two_zones(world)
    here, there = transit_addresses(world, "b1"), transit_addresses(world, "b2")
    assert len(here) == len(there) == 2, "IPv4 and IPv6"
    assert not here & there
    (to_second,), (to_first,) = routes(world, "b1").items(), routes(world, "b2").items()
    assert (to_second[0], to_first[0]) == ("10.2.0.0/24", "10.1.0.0/24")
    assert to_second[1] in there
    assert to_first[1] in here
    segments = {net.get("provider:segmentation_id") for b in ("b1", "b2") for net in on_cloud(world, Kind.NETWORK, b)}
    assert segments == {None, 100}, "the tenant's networks are local, the transit network is one segment"


async def test_tenants_do_not_see_it(world: World) -> None:
    _, first, second = await two_zones(world)
    async with world.region.read() as tx:
        seen = await resources.list_resources(tx, resources.Query(Kind.NETWORK, **networks.visible(WHO)))
        assert {net.id for net in seen} == {first.id, second.id}
        everything = await resources.list_resources(
            tx, resources.Query(Kind.NETWORK, **networks.visible(caller("p", "admin")))
        )
    assert [net.name for net in everything if net.project_id == ""] == ["transit over wan"]


async def test_prefixes_come_and_go(world: World) -> None:
    mine, first, _ = await two_zones(world)
    async with world.region.write() as tx:
        third = await attach(tx, mine, "10.3.0.0/24", availability_zone_hints=["az2"])
        six = await attach(tx, mine, "fd00:6::/64", 6, availability_zone_hints=["az2"])
        for number, on in enumerate((third, six)):
            await plug(world, tx, on, f"more-{number}", "b2")
    await world.turn()
    found = routes(world, "b1")
    assert set(found) == {"10.2.0.0/24", "10.3.0.0/24", "fd00:6::/64"}
    assert set(found.values()) == transit_addresses(world, "b2")
    async with world.region.write() as tx:
        gone = {"subnet_id": third.spec["subnets"][0]}
        await router_interfaces.remove(tx, WHO, mine.id, gone, NOW)
    await world.turn()
    assert set(routes(world, "b1")) == {"10.2.0.0/24", "fd00:6::/64"}
    assert set(routes(world, "b2")) == {"10.1.0.0/24"}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, {"subnet_id": first.spec["subnets"][0]}, NOW)
    await world.turn()
    assert routes(world, "b2") == {}
    assert transit_addresses(world, "b1"), "it waits there for the next interface"
    await empty(world, first)
    await world.turn()
    assert not on_cloud(world, Kind.ROUTER, "b1"), "nothing is there that it could wait for"
    assert not transit_addresses(world, "b2"), "one zone needs no way to another"


async def test_a_prefix_is_added_in_no_time_and_without_an_update_of_the_router(world: World) -> None:
    mine, *_ = await two_zones(world)
    async with world.region.write() as tx:
        third = await network(tx, WHO, name="third", availability_zone_hints=["az2"])
        below = await subnet(tx, WHO, third, ip_version=4, cidr="10.3.0.0/24")
        await plug(world, tx, third, "s3", "b2")
    await world.turn()
    began, updated = world.clock.now, [world.clouds[b].faults.count("update", Kind.ROUTER) for b in ("b1", "b2")]
    async with world.region.write() as tx:
        await router_interfaces.add(tx, WHO, mine.id, {"subnet_id": below.id}, ZONES, NOW)
    await world.turn(timedelta(0))
    assert set(routes(world, "b1")) == {"10.2.0.0/24", "10.3.0.0/24"}
    assert "10.3.0.1" in {ip["ip_address"] for p in on_cloud(world, Kind.PORT, "b2") for ip in p["fixed_ips"]}
    assert world.clock.now == began, "nothing waits for a poll"
    assert [world.clouds[b].faults.count("update", Kind.ROUTER) for b in ("b1", "b2")] == updated
    async with world.region.write() as tx:
        await router_changes.update(tx, WHO, mine.id, {"name": "renamed"}, None, NOW)
    await world.turn()
    assert [on_cloud(world, Kind.ROUTER, b)[0]["name"] for b in ("b1", "b2")] == ["renamed"] * 2


async def test_a_subnet_more_is_one_look_from_elsewhere_however_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own zone's router has nothing to do for it; the other zone's asks the rows as often for ten as for two."""
    mine, *_ = await two_zones(world)
    statements = 0
    execute = Transaction.execute

    async def counted(self: Transaction, *statement: Any) -> Any:
        nonlocal statements
        statements += 1
        return await execute(self, *statement)

    async def added(number: int) -> tuple[int, int, int]:
        """Looks at the router in both zones, and statements, for a subnet more in az2."""
        nonlocal statements
        async with world.region.write() as tx:
            inside = await network(tx, WHO, name="more", availability_zone_hints=["az2"])
            below = await subnet(tx, WHO, inside, ip_version=4, cidr=f"10.{number}.0.0/24")
            await plug(world, tx, inside, f"s{number}", "b2")
        await world.turn()
        before = [world.clouds[b].faults.count("get", Kind.ROUTER) for b in ("b1", "b2")]
        async with world.region.write() as tx:
            await router_interfaces.add(tx, WHO, mine.id, {"subnet_id": below.id}, ZONES, NOW)
        statements = 0
        await world.turn()
        assert f"10.{number}.0.0/24" in routes(world, "b1")
        looks = [world.clouds[b].faults.count("get", Kind.ROUTER) for b in ("b1", "b2")]
        return looks[0] - before[0], looks[1] - before[1], statements

    monkeypatch.setattr(Transaction, "execute", counted)
    third = await added(3)
    assert third[:2] == (1, 0)
    assert [await added(number) for number in range(4, 12)][-1] == third


async def test_two_routers_meet_on_one_transit_network_while_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_zones(world)
    monkeypatch.setattr(transit, "ROOM", 4)
    found = []
    for number in (3, 5):
        async with world.region.write() as tx:
            other = await router(tx)
            for zone in (1, 2):
                on = await attach(tx, other, f"10.{number + zone}.0.0/24", availability_zone_hints=[f"az{zone}"])
                await plug(world, tx, on, f"s-{number}-{zone}", f"b{zone}")
        await world.turn()
        found.append(len(world.joined.given))
        doors = [p for b in ("b1", "b2") for p in on_cloud(world, Kind.PORT, b) if p["device_owner"]]
        over = [ip["ip_address"] for p in doors for ip in p["fixed_ips"] if ip["ip_address"].startswith("100.64.")]
        assert len(set(over)) == len(over) == number + 1
    assert found == [1, 2]


async def test_a_tenants_prefix_makes_it_move(world: World) -> None:
    mine, _, _ = await two_zones(world)
    before = transit_addresses(world, "b1")
    async with world.region.write() as tx:
        meets = await attach(tx, mine, "100.64.0.0/25", availability_zone_hints=["az2"])
        await plug(world, tx, meets, "s3", "b2")
    await world.turn()
    assert not before & transit_addresses(world, "b1")
    assert set(routes(world, "b1")) == {"10.2.0.0/24", "100.64.0.0/25"}
    assert routes(world, "b1")["10.2.0.0/24"].startswith("100.64.1."), "the next prefix that is free"
    assert len(world.joined.given) == 1


async def test_zones_that_nothing_joins_say_so_until_something_does(world: World) -> None:
    world.joined.known.clear()
    mine, _, _ = await two_zones(world)
    async with world.region.read() as tx:
        words = (await resources.get(tx, Kind.ROUTER, mine.id)).spec["apart"]
    assert words == "no interconnect joins az1, az2 with the router's other zones"
    told = {"tenant": "acme", "zones": [], **await topology.topology(world.region)}
    for place in views._all_places(told):
        place["zone"] = place.pop("backend_id")
    assert f"not settled: router r: {words}" in views.text(told).splitlines()
    assert routes(world, "b1") == {}
    world.joined.join()
    async with world.region.write() as tx:
        await realizations.look_at_all(tx, Kind.ROUTER, NOW)
    await world.turn()
    assert set(routes(world, "b1")) == {"10.2.0.0/24"}
    async with world.region.read() as tx:
        assert (await resources.get(tx, Kind.ROUTER, mine.id)).spec["apart"] is None


async def test_a_router_on_a_network_that_spans_zones_has_a_seat_in_each(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
        wide = await attach(tx, mine, "10.0.0.0/24")
        servers = [await plug(world, tx, wide, f"s-{b}", b) for b in ("b1", "b2")]
    await world.turn()
    doors = {b: next(p for p in on_cloud(world, Kind.PORT, b) if p["device_owner"]) for b in ("b1", "b2")}
    assert doors["b1"]["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    own = doors["b2"]["fixed_ips"][0]["ip_address"]
    taken = [ip["ip_address"] for port in servers for ip in port.spec["fixed_ips"]]
    assert own not in ["10.0.0.1", *taken]
    assert doors["b1"]["mac_address"] != doors["b2"]["mac_address"]
    gateways = {b: on_cloud(world, Kind.SUBNET, b)[0]["gateway_ip"] for b in ("b1", "b2")}
    assert gateways == {"b1": "10.0.0.1", "b2": own}, "servers use their own zone's router"
    assert routes(world, "b1") == routes(world, "b2") == {}, "both are on all that there is"
    assert len(world.joined.given) == 1, "no transit network is needed"

    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, servers[0].id), NOW)
    await world.turn()
    assert not on_cloud(world, Kind.ROUTER, "b1"), "with the last server the router goes, and the network after it"
    assert not on_cloud(world, Kind.NETWORK, "b1")
    async with world.region.write() as tx:
        await plug(world, tx, wide, "s-again", "b1")
    await world.turn()
    (door,) = [p for p in on_cloud(world, Kind.PORT, "b1") if p["device_owner"]]
    assert door["fixed_ips"][0]["ip_address"] == "10.0.0.1", "the first seat is free again"


async def test_a_router_that_is_made_again_sits_where_the_last_one_did(world: World) -> None:
    """Servers know their gateway by its MAC for half a minute, and by its address for as long as their lease."""
    async with world.region.write() as tx:
        mine = await router(tx)
        wide = await attach(tx, mine, "10.0.0.0/24")
        for backend_id in ("b1", "b2"):
            await plug(world, tx, wide, f"s-{backend_id}", backend_id)
    await world.turn()

    def doors() -> dict[str, tuple[Any, str]]:
        found = {b: [p for p in on_cloud(world, Kind.PORT, b) if p["device_owner"]] for b in ("b1", "b2")}
        return {
            b: (p["fixed_ips"][0]["ip_address"], p["mac_address"]) for b, ports_of in found.items() for p in ports_of
        }

    before = doors()
    assert set(before) == {"b1", "b2"}
    only = {"subnet_id": wide.spec["subnets"][0]}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, only, NOW)
        stranger = await ports.create(tx, WHO, {**ports.DEFAULTS, "network_id": wide.id, "device_id": ""}, NOW)
    await world.turn()
    assert doors() == {}
    assert stranger.spec["fixed_ips"][0]["ip_address"] not in {address for address, _ in before.values()}
    async with world.region.write() as tx:
        again = await router(tx)
        await router_interfaces.add(tx, WHO, again.id, only, {"az2": "b2", "az1": "b1"}, NOW)
    await world.turn()
    assert doors() == before


async def test_a_wide_and_a_local_network_on_one_router(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
        wide = await attach(tx, mine, "10.0.0.0/24")
        local = await attach(tx, mine, "10.9.0.0/24", availability_zone_hints=["az2"])
        for backend in ("b1", "b2"):
            await plug(world, tx, wide, f"s-{backend}", backend)
        await plug(world, tx, local, "s3", "b2")
    await world.turn()
    assert set(routes(world, "b1")) == {"10.9.0.0/24"}
    assert routes(world, "b2") == {}, "what it is on itself is never sent away"


async def three_zones(world: World) -> Resource:
    """A router, and on it a local network with a server in each of three zones."""
    zones = {f"az{n}": f"b{n}" for n in (1, 2, 3)}
    async with world.region.write() as tx:
        mine = await router(tx)
        for number, (zone, backend) in enumerate(zones.items(), 1):
            inside = await attach(tx, mine, f"10.{number}.0.0/24", availability_zone_hints=[zone])
            await plug(world, tx, inside, f"s{number}", backend)
    await world.turn()
    return mine


def seats(world: World, backend: str) -> dict[str, int]:
    """The router's IPv4 addresses on transit networks there -> the segment."""
    nets = {
        net["id"]: net["provider:segmentation_id"]
        for net in on_cloud(world, Kind.NETWORK, backend)
        if net["name"].startswith("transit over")
    }
    doors = [port for port in on_cloud(world, Kind.PORT, backend) if port["network_id"] in nets]
    return {
        ip["ip_address"]: nets[p["network_id"]] for p in doors for ip in p["fixed_ips"] if ":" not in ip["ip_address"]
    }


async def test_zones_that_different_interconnects_join_all_reach_each_other(world: World) -> None:
    world.joined.join("west", 200, 209, between="23")
    mine = await three_zones(world)
    middle = seats(world, "b2")
    assert len(middle) == 2, "the zone in the middle is on both"
    first, third = routes(world, "b1"), routes(world, "b3")
    assert set(first) == {"10.2.0.0/24", "10.3.0.0/24"}
    assert set(third) == {"10.1.0.0/24", "10.2.0.0/24"}
    assert {*first.values(), *third.values()} == set(middle), "each goes by the zone in the middle, on its own side"
    assert {destination: hop in seats(world, "b1") for destination, hop in routes(world, "b2").items()} == {
        "10.1.0.0/24": True,
        "10.3.0.0/24": False,
    }
    async with world.region.read() as tx:
        assert (await resources.get(tx, Kind.ROUTER, mine.id)).spec["apart"] is None
    assert len(world.joined.given) == 2
    del world.joined.known["west"]
    async with world.region.write() as tx:
        await realizations.look_at_all(tx, Kind.ROUTER, NOW)
    await world.turn()
    assert set(routes(world, "b1")) == {"10.2.0.0/24"}
    assert routes(world, "b3") == {}
    async with world.region.read() as tx:
        words = (await resources.get(tx, Kind.ROUTER, mine.id)).spec["apart"]
    assert words == "no interconnect joins az3 with the router's other zones"
    assert len(world.joined.given) == 1


async def test_a_new_interconnect_moves_nothing_that_is_joined(world: World) -> None:
    await three_zones(world)
    before = seats(world, "b1")
    world.joined.join("a-better-one", 300, 309, between="123")
    async with world.region.write() as tx:
        await realizations.look_at_all(tx, Kind.ROUTER, NOW)
    await world.turn()
    assert before.items() <= seats(world, "b1").items()
    assert {len(routes(world, backend)) for backend in ("b1", "b2", "b3")} == {2}
    assert set(routes(world, "b3").values()) == {
        address for b in ("b1", "b2") for address, segment in seats(world, b).items() if segment == 300
    }, "the shortest way"


async def test_a_worker_that_dies_anywhere_leaves_one_transit_network(tmp_path: Path) -> None:
    """From the servers to the networks' end, killed at every thirteenth point: nothing doubled, nothing kept."""
    point, died = 0, True
    while died:
        async with World(tmp_path / str(point), RECIPES) as world:
            world.joined.join()
            async with world.region.write() as tx:
                mine = await router(tx)
                on = [await attach(tx, mine, f"10.{n}.0.0/24", availability_zone_hints=[f"az{n}"]) for n in (1, 2)]
                for number, inside in enumerate(on, 1):
                    await plug(world, tx, inside, f"s{number}", f"b{number}")
            died = await world.die_at(point)
            assert set(routes(world, "b1")) == {"10.2.0.0/24"}, point
            assert set(routes(world, "b2")) == {"10.1.0.0/24"}, point
            assert len(world.joined.given) == 1, point
            await let_go(world, mine, *on)
            await empty(world, *on)
            died = await world.die_at(point) or died
            assert world.joined.given == {}, point
            assert counted(world, Kind.ROUTER, Kind.NETWORK, Kind.PORT) == [[0, 0, 0]] * 2, point
        point += 13
