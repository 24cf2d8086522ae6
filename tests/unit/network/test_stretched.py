"""A network over two clouds that are joined: one segment, made where a port needs it, gone with the last one there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, SLAAC, caller, network, subnet
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import addresses, networks, ports, realizations, resources
from vregion.region.regions import Transaction

WHO = caller("project")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        made.joined.join()
        yield made


def there(world: World, backend_id: str, kind: Kind) -> list[dict[str, Any]]:
    return [row.document for row in world.clouds[backend_id].of(kind) if row.document.get("name") != "default"]


async def plug(world: World, tx: Transaction, on: Resource, backend_id: str, server: str, **wanted: Any) -> Resource:
    asked = wanted or {"uuid": on.id}
    return await ports.plug(tx, WHO, asked, server, WHO.project_id, world.binding(backend_id), [], NOW)


async def spanning(world: World) -> tuple[Resource, Resource, list[Resource]]:
    """A network with a port in each zone, the subnet, the ports."""
    async with world.region.write() as tx:
        on = await network(tx, WHO, name="front")
        below = await subnet(tx, WHO, on, **CIDR)
        made = [await plug(world, tx, on, backend_id, f"s-{backend_id}") for backend_id in ("b1", "b2")]
    await world.turn()
    return on, below, made


async def row(world: World, kind: Kind, resource_id: str) -> Resource:
    async with world.region.read() as tx:
        return await resources.get(tx, kind, resource_id)


async def test_one_segment_in_both_zones_with_addresses_of_our_own(world: World) -> None:
    on, _, made = await spanning(world)
    nets = [there(world, backend_id, Kind.NETWORK)[0] for backend_id in ("b1", "b2")]
    assert [net["provider:segmentation_id"] for net in nets] == [100, 100]
    assert [net["provider:physical_network"] for net in nets] == ["p1", "p2"]
    assert [(net["project_id"], net["mtu"], net["name"]) for net in nets] == [("project", 1500, "front")] * 2
    below = [there(world, backend_id, Kind.SUBNET)[0] for backend_id in ("b1", "b2")]
    assert [one["cidr"] for one in below] == ["10.0.0.0/24"] * 2
    pools = [pool["start"] for one in below for pool in one["allocation_pools"]]
    own = [ip["ip_address"] for port in made for ip in port.spec["fixed_ips"]]
    assert len({*pools, *own}) == 4  # two DHCP services and two ports
    assert [there(world, b, Kind.PORT)[0]["mac_address"] for b in ("b1", "b2")] == [p.spec["mac_address"] for p in made]
    shown = networks.document(await row(world, Kind.NETWORK, on.id))
    assert (shown["availability_zones"], shown["mtu"]) == (["az1", "az2"], 1500)


async def test_it_leaves_a_zone_with_the_last_port_and_comes_back(world: World) -> None:
    on, below, made = await spanning(world)
    async with world.region.write() as tx:
        more = await plug(world, tx, on, "b2", "s3")
    await world.turn()
    for port, left in ((made[1], 1), (more, 0)):
        async with world.region.write() as tx:
            await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
        await world.turn()
        assert [len(there(world, "b2", kind)) for kind in (Kind.NETWORK, Kind.SUBNET, Kind.PORT)] == [left] * 3
    async with world.region.read() as tx:
        assert await addresses.reserved(tx, below.id, addresses.dhcp_owner("b2")) is None
        assert await addresses.reserved(tx, below.id, addresses.dhcp_owner("b1")) is not None
    shown = networks.document(await row(world, Kind.NETWORK, on.id))
    assert shown["availability_zones"] == ["az1"]
    async with world.region.write() as tx:
        await plug(world, tx, on, "b2", "s4")
    await world.turn()
    assert there(world, "b2", Kind.NETWORK)[0]["provider:segmentation_id"] == 100
    assert len(there(world, "b2", Kind.PORT)) == 1


async def test_a_port_that_comes_while_the_network_is_leaving(world: World) -> None:
    """Wanted again before, and while, the cloud deletes it: it is there in the end, and nothing is called lost."""
    on, _, made = await spanning(world)
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, made[1].id), NOW)
        again = await plug(world, tx, on, "b2", "s3")
    await world.turn()
    assert len(there(world, "b2", Kind.PORT)) == 1
    seized: list[Resource] = []

    async def crash(moment: str, operation: str, kind: Kind | None) -> None:
        if (moment, operation, kind) == ("before", "delete", Kind.NETWORK) and not seized:
            async with world.region.write() as tx:
                seized.append(await plug(world, tx, on, "b2", "s4"))

    world.clouds["b2"].faults.crash = crash
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, again.id), NOW)
    await world.turn()
    assert seized
    (net,), (port,) = there(world, "b2", Kind.NETWORK), there(world, "b2", Kind.PORT)
    assert (net["provider:segmentation_id"], port["network_id"]) == (100, net["id"])
    async with world.region.read() as tx:
        for kind, resource_id in ((Kind.NETWORK, on.id), (Kind.PORT, seized[0].id)):
            realization = await realizations.on_backend(tx, kind, resource_id, "b2")
            assert realization is not None
            assert realization.state is State.READY


async def test_the_segment_is_free_when_the_network_has_ended(world: World) -> None:
    on, _, made = await spanning(world)
    async with world.region.write() as tx:
        for port in made:
            await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
        await networks.delete(tx, WHO, on.id, None, NOW)
    assert world.joined.given
    await world.turn()
    assert world.joined.given == {}
    for backend_id in ("b1", "b2"):
        assert [there(world, backend_id, kind) for kind in (Kind.NETWORK, Kind.SUBNET, Kind.PORT)] == [[]] * 3
    async with world.region.read() as tx:
        assert await resources.find(tx, Kind.NETWORK, on.id) is None


async def test_a_network_that_had_left_all_zones_keeps_its_row_until_its_segment_is_free(world: World) -> None:
    """Though no cloud answers."""
    on, _, made = await spanning(world)
    async with world.region.write() as tx:
        for port in made:
            await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
    await world.turn()
    for cloud in world.clouds.values():
        cloud.faults.down = True
    async with world.region.write() as tx:
        await networks.delete(tx, WHO, on.id, None, NOW)
        assert (await resources.get(tx, Kind.NETWORK, on.id)).deleting
    assert world.joined.given
    await world.turn()
    assert world.joined.given == {}
    async with world.region.read() as tx:
        assert await resources.find(tx, Kind.NETWORK, on.id) is None
        assert await realizations.of_resource(tx, Kind.NETWORK, on.id) == []


async def test_a_worker_that_dies_while_a_network_in_no_zone_ends_leaves_no_segment(tmp_path: Path) -> None:
    point, died = 0, True
    while died:
        async with World(tmp_path / str(point), RECIPES) as world:
            world.joined.join()
            on, _, made = await spanning(world)
            async with world.region.write() as tx:
                for port in made:
                    await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
            await world.turn()
            async with world.region.write() as tx:
                await networks.delete(tx, WHO, on.id, None, NOW)
            assert world.joined.given
            died = await world.die_at(point)
            assert world.joined.given == {}, point
            async with world.region.read() as tx:
                assert await resources.find(tx, Kind.NETWORK, on.id) is None, point
        point += 1
    assert point > 4


async def test_a_network_that_ends_while_its_last_zone_lets_go_frees_its_segment(world: World) -> None:
    on, _, made = await spanning(world)

    async def crash(moment: str, operation: str, kind: Kind | None) -> None:
        if (moment, operation, kind) == ("before", "delete", Kind.NETWORK):
            async with world.region.write() as tx:
                await networks.delete(tx, WHO, on.id, None, NOW)

    for port in made:
        if port is made[-1]:
            world.clouds["b2"].faults.crash = crash
        async with world.region.write() as tx:
            await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
        await world.turn()
    async with world.region.read() as tx:
        assert await resources.find(tx, Kind.NETWORK, on.id) is None
    assert world.joined.given == {}


async def test_a_tenants_port_moves_with_its_addresses(world: World) -> None:
    on, _, made = await spanning(world)
    async with world.region.write() as tx:
        wanted = {"network_id": on.id, "name": "mine", "admin_state_up": True}
        mine = await ports.create(tx, WHO, wanted, NOW)
        await plug(world, tx, on, "b1", "s3", port=mine.id)
    await world.turn()
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, mine.id), NOW)
        await plug(world, tx, on, "b2", "s4", port=mine.id)
    await world.turn()
    assert "mine" not in [port["name"] for port in there(world, "b1", Kind.PORT)]
    (moved,) = [port for port in there(world, "b2", Kind.PORT) if port["name"] == "mine"]
    assert moved["mac_address"] == mine.spec["mac_address"]
    assert [ip["ip_address"] for ip in moved["fixed_ips"]] == [ip["ip_address"] for ip in mine.spec["fixed_ips"]]
    assert len(there(world, "b1", Kind.NETWORK)) == 1  # the other port is still there
    assert made


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"availability_zone_hints": ["az1"]}, "its hint is az1"),
        ({"mtu": 9000}, "MTU is too large"),
        ({}, "no interconnect joins the two"),
    ],
)
async def test_what_stays_in_one_zone(world: World, wanted: dict[str, Any], words: str) -> None:
    if not wanted:
        world.joined.known.clear()
    async with world.region.write() as tx:
        on = await network(tx, WHO, **wanted)
        await subnet(tx, WHO, on, **CIDR)
        await plug(world, tx, on, "b1", "s1")
    await world.turn()
    assert "provider:segmentation_id" not in there(world, "b1", Kind.NETWORK)[0]
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match=words):
            await plug(world, tx, on, "b2", "s2")


async def test_what_was_local_before_stays_local(world: World) -> None:
    world.joined.known.clear()
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        await plug(world, tx, on, "b1", "s1")
    world.joined.join()
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="first used before interconnect wan joined the two"):
            await plug(world, tx, on, "b2", "s2")


async def test_without_a_segment_left_it_stays_where_it_is(world: World) -> None:
    world.joined.join(last=100)
    world.joined.given["wan", "somebody"] = 100
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        await plug(world, tx, on, "b1", "s1")
    await world.turn()
    assert "provider:segmentation_id" not in there(world, "b1", Kind.NETWORK)[0]
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="interconnect wan has no segment left"):
            await plug(world, tx, on, "b2", "s2")


async def test_two_zones_at_once_without_a_segment_say_so(world: World) -> None:
    world.joined.join(last=100)
    world.joined.given["wan", "somebody"] = 100
    on, _, made = await spanning(world)
    assert (await row(world, Kind.NETWORK, on.id)).status == "ERROR"
    async with world.region.read() as tx:
        told = await realizations.on_backend(tx, Kind.NETWORK, on.id, "b2")
        assert told is not None
        assert told.reason == "interconnect wan has no segment left"
    assert made


async def test_automatic_addresses_span_zones_too(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **SLAAC)
        made = [await plug(world, tx, on, backend_id, f"s-{backend_id}") for backend_id in ("b1", "b2")]
    await world.turn()
    assert [there(world, b, Kind.SUBNET)[0]["cidr"] for b in ("b1", "b2")] == ["fd00:1::/64"] * 2
    assert len({ip["ip_address"] for port in made for ip in port.spec["fixed_ips"]}) == 2


async def test_a_worker_that_dies_anywhere_leaves_one_network_per_zone(tmp_path: Path) -> None:
    """From the first port to the network's end, killed at every seventh point: nothing doubled, no segment kept."""
    point, died = 0, True
    while died:
        async with World(tmp_path / str(point), RECIPES) as world:
            world.joined.join()
            async with world.region.write() as tx:
                on = await network(tx, WHO, name="front")
                await subnet(tx, WHO, on, **CIDR)
                made = [await plug(world, tx, on, backend_id, f"s-{backend_id}") for backend_id in ("b1", "b2")]
            died = await world.die_at(point)
            for backend_id in ("b1", "b2"):
                counted = [len(there(world, backend_id, k)) for k in (Kind.NETWORK, Kind.SUBNET, Kind.PORT)]
                assert counted == [1, 1, 1], point
            async with world.region.write() as tx:
                for port in made:
                    await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
                await networks.delete(tx, WHO, on.id, None, NOW)
            died = await world.die_at(point) or died
            assert world.joined.given == {}, point
            assert not [there(world, b, Kind.NETWORK) for b in ("b1", "b2") if there(world, b, Kind.NETWORK)], point
        point += 7
