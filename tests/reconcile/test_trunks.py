"""Trunks in zones: there before the server, with all sub-ports; they follow and go in order, killed anywhere."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, caller, network, subnet
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import networks, ports, realizations, resources, trunks

WHO = caller("project")
MAKING, GOING = 86, 115  # and some beyond: a port that waits for its trunk asks again


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def under(port: Resource, number: int) -> dict[str, Any]:
    return {"port_id": port.id, "segmentation_type": "vlan", "segmentation_id": number}


async def trunk(world: World, **hints: Any) -> tuple[Resource, Resource, list[Resource]]:
    """A trunk with one sub-port; it, its parent port and two ports for it, each on a network of its own."""
    async with world.region.write() as tx:
        made = []
        for name in ("parent", "first", "second"):
            on = await network(tx, WHO, name=name, **(hints if name == "second" else {}))
            await subnet(tx, WHO, on, **CIDR)
            made.append(await ports.create(tx, WHO, {"network_id": on.id, "name": name}, NOW))
        parent, *others = made
        wanted = {"name": "t", "admin_state_up": True, "port_id": parent.id, "sub_ports": [under(others[0], 100)]}
        of_them = await trunks.create(tx, WHO, wanted, NOW)
        tx.ring = True
    return of_them, parent, others


async def plug(world: World, parent: Resource, backend: str = "b1") -> None:
    async with world.region.write() as tx:
        asked = {"port": parent.id}
        await ports.plug(tx, WHO, asked, "s1", WHO.project_id, world.binding(backend), [], NOW)
        tx.ring = True


def there(world: World, kind: Kind = Kind.TRUNK, backend: str = "b1") -> list[dict[str, Any]]:
    return [row.document for row in world.clouds[backend].of(kind)]


def named(world: World, backend: str = "b1") -> dict[str, str]:
    return {port["name"]: port["id"] for port in there(world, Kind.PORT, backend)}


async def test_it_is_nowhere_until_a_server_has_its_parent(world: World) -> None:
    made, parent, _ = await trunk(world)
    await world.turn()
    assert (there(world), there(world, Kind.PORT)) == ([], [])
    await plug(world, parent)
    await world.turn()
    (one,), known = there(world), named(world)
    assert one["port_id"] == known["parent"]
    assert one["sub_ports"] == [{"port_id": known["first"], "segmentation_type": "vlan", "segmentation_id": 100}]
    async with world.region.read() as tx:
        (realization,) = await realizations.of_resource(tx, Kind.TRUNK, made.id)
        assert realization.state is State.READY
        (sub_port,) = (await resources.get(tx, Kind.PORT, parent.id)).spec["trunk_details"]["sub_ports"]
        first = await resources.get(tx, Kind.PORT, sub_port["port_id"])
        assert (sub_port["mac_address"], first.availability_zone) == (first.spec["mac_address"], "az1")


async def test_it_follows_and_goes_before_its_ports(world: World) -> None:
    made, parent, (first, second) = await trunk(world)
    await plug(world, parent)
    await world.turn()
    async with world.region.write() as tx:
        await trunks.add_subports(tx, WHO, made.id, [under(second, 200)], [world.binding()], NOW)
        await trunks.remove_subports(tx, WHO, made.id, [{"port_id": first.id}], NOW)
        await trunks.update(tx, WHO, made.id, {"name": "renamed", "admin_state_up": False}, None, NOW)
    await world.turn()
    (one,), known = there(world), named(world)
    assert [(s["port_id"], s["segmentation_id"]) for s in one["sub_ports"]] == [(known["second"], 200)]
    assert (one["name"], one["admin_state_up"]) == ("renamed", False)
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="disabled"):
            await trunks.delete(tx, WHO, made.id, None, NOW)
        await trunks.update(tx, WHO, made.id, {"admin_state_up": True}, None, NOW)
        with pytest.raises(Conflict, match="in use"):
            await trunks.delete(tx, WHO, made.id, None, NOW)
        with pytest.raises(Conflict, match="is currently a subport"):
            await ports.delete(tx, WHO, second.id, None, NOW)
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, parent.id), NOW)
        await trunks.delete(tx, WHO, made.id, None, NOW)
        for port in (parent, first, second):
            await ports.delete(tx, WHO, port.id, None, NOW)
    await world.turn()
    assert (there(world), there(world, Kind.PORT)) == ([], [])


async def test_it_moves_with_its_parent_to_the_next_server_s_zone(world: World) -> None:
    world.joined.join()
    _, parent, _ = await trunk(world)
    await plug(world, parent)
    await world.turn()
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, parent.id), NOW)
    await plug(world, parent, "b2")
    await world.turn()
    assert (there(world), len(there(world, backend="b2"))) == ([], 1)
    assert set(named(world, "b2")) == {"parent", "first"}


async def test_a_sub_port_that_cannot_be_there_is_refused(world: World) -> None:
    """Its network is another zone's: 409 with the reason, for the server and for the trunk that is there already."""
    made, parent, (_, second) = await trunk(world, availability_zone_hints=["az2"])
    await plug(world, parent)
    async with world.region.write() as tx:
        with pytest.raises(Conflict, match="cannot be reached from az1"):
            await trunks.add_subports(tx, WHO, made.id, [under(second, 200)], [world.binding()], NOW)
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, parent.id), NOW)
        await trunks.delete(tx, WHO, made.id, None, NOW)
        wanted = {"name": "", "admin_state_up": True, "port_id": parent.id, "sub_ports": [under(second, 200)]}
        await trunks.create(tx, WHO, wanted, NOW)
    with pytest.raises(Conflict, match="cannot be reached from az1"):
        await plug(world, parent)


async def test_a_zone_without_trunks_says_so(world: World) -> None:
    world.cloud.has_trunks = False
    made, parent, _ = await trunk(world)
    await plug(world, parent)
    await world.turn()
    async with world.region.read() as tx:
        (realization,) = await realizations.of_resource(tx, Kind.TRUNK, made.id)
        assert (realization.state, (await resources.get(tx, Kind.TRUNK, made.id)).status) == (State.ERROR, "ERROR")
    assert "no such extension" in str(realization.reason)


async def test_a_network_s_own_segment_is_inherited(world: World) -> None:
    world.joined.join()
    made, parent, (_, second) = await trunk(world)
    await plug(world, parent)
    async with world.region.write() as tx:
        other = await ports.create(tx, WHO, {"network_id": second.spec["network_id"]}, NOW)
        await ports.plug(tx, WHO, {"port": other.id}, "s2", WHO.project_id, world.binding(), [], NOW)
    await world.turn()
    async with world.region.write() as tx:
        inherited = {"port_id": second.id, "segmentation_type": "inherit"}
        seen = await trunks.add_subports(tx, WHO, made.id, [inherited], [world.binding()], NOW)
        number = (await resources.get(tx, Kind.NETWORK, second.spec["network_id"])).spec["segment"]
        assert seen.spec["sub_ports"][1] == under(second, number)


@pytest.mark.parametrize("point", range(MAKING))
async def test_killed_at_any_point_of_its_making_there_is_one(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        _, parent, _ = await trunk(world)
        await plug(world, parent)
        await world.die_at(point)
        (one,), known = there(world), named(world)
        assert [s["port_id"] for s in one["sub_ports"]] == [known["first"]]
        assert len(there(world, Kind.PORT)) == 2


async def ended(world: World) -> None:
    made, parent, (first, _) = await trunk(world)
    await plug(world, parent)
    await world.turn()
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, parent.id), NOW)
        await trunks.delete(tx, WHO, made.id, None, NOW)
        for port in (parent, first):
            await ports.delete(tx, WHO, port.id, None, NOW)
            await networks.delete(tx, WHO, port.spec["network_id"], None, NOW)
        tx.ring = True


@pytest.mark.parametrize("point", range(GOING))
async def test_killed_at_any_point_of_its_going_nothing_is_left(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        await ended(world)
        await world.die_at(point)
        assert [there(world, kind) for kind in (Kind.TRUNK, Kind.PORT, Kind.NETWORK)] == [[], [], []]


async def test_the_points_are_all_there_are(tmp_path: Path) -> None:
    async with World(tmp_path / "making", RECIPES) as world:
        _, parent, _ = await trunk(world)
        await plug(world, parent)
        assert not await world.die_at(MAKING)
    async with World(tmp_path / "going", RECIPES) as world:
        await ended(world)
        assert not await world.die_at(GOING)
