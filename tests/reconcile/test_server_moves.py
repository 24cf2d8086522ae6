"""A shelved server comes up in another zone: the worker killed at every await, and every way in which it may fail.

At every moment the server is in one place or the other: never two that are up, never none that the tenant can have.
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from tests.reconcile.test_servers import WHO, Disks, booted, deleted, found, instances
from tests.reconcile.world import World
from vregion.drivers.memory import MemoryCloud
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipes import RECIPES
from vregion.region import actions, dns_names, ports, realizations, resources, server_moves, usages
from vregion.region.server_moves import Shelved

POINTS = 130
HERE, THERE = "b1", "b2"
FOLLOWS = (Kind.SERVER, Kind.PORT, Kind.NETWORK, Kind.SUBNET)


async def shelved(world: World, disks: Callable[[str], Disks] = lambda image_id: []) -> Resource:
    """A server that is SHELVED_OFFLOADED in az1; az2 knows its flavor by the same id."""
    (server,) = await booted(world, disks=disks)
    await world.turn()
    (flavor,) = [f for f in world.cloud.flavors.values() if f.external_id in world.flavors.values()]
    world.clouds[THERE].flavors[flavor.external_id] = flavor
    async with world.region.read() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server.id, HERE)
    assert there is not None
    driver = (await world.backends.open(world.region_id, HERE)).driver
    assert (await driver.call(Kind.SERVER, str(there.external_id), "POST", "/action", {"shelve": None})).status == 202
    await look(world, server)
    shown = await found(world, server)
    assert shown is not None
    assert shown.status == "SHELVED_OFFLOADED"
    return shown


async def look(world: World, server: Resource) -> None:
    async with world.region.write() as tx:
        for realization in await realizations.of_resource(tx, Kind.SERVER, server.id):
            await realizations.look_again(tx, realization, world.clock.now)
    await world.turn()


async def begun(world: World, server: Resource, request_id: str = "req-move") -> None:
    """The unshelve is accepted."""
    caller = Caller(WHO.user_id, WHO.project_id, WHO.domain_id, WHO.region_id, WHO.roles, request_id)
    async with world.region.write() as tx:
        await server_moves.begin(tx, caller, server, world.binding(THERE), Shelved(), world.clock.now)


def statuses(cloud: MemoryCloud) -> list[str]:
    return sorted(row.document["status"] for row in cloud.of(Kind.SERVER, "project"))


def counts(cloud: MemoryCloud) -> list[int]:
    return [cloud.count(kind, "project") for kind in FOLLOWS]


async def macs(world: World, server: Resource) -> list[tuple[str, str]]:
    async with world.region.read() as tx:
        return [
            (p.spec["mac_address"], p.spec["fixed_ips"][0]["ip_address"]) for p in await ports.of_server(tx, server.id)
        ]


async def is_there(world: World, server: Resource, before: list[tuple[str, str]]) -> None:
    """In az2 alone, with its addresses; in az1 nothing is left, the snapshot neither."""
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone, shown.backend_id) == ("ACTIVE", "az2", THERE)
    document = orjson.loads(shown.document)
    assert (document["OS-EXT-AZ:availability_zone"], document["OS-EXT-STS:task_state"]) == ("az2", None)
    assert statuses(world.clouds[THERE]) == ["ACTIVE"]
    assert counts(world.clouds[THERE]) == [1] * len(FOLLOWS)
    assert counts(world.clouds[HERE]) == [0] * len(FOLLOWS)
    assert await macs(world, server) == before
    (port,) = world.clouds[THERE].of(Kind.PORT, "project")
    assert [(port.document["mac_address"], port.document["fixed_ips"][0]["ip_address"])] == before
    await nothing_but_the_server(world, 1)


async def is_here(world: World, server: Resource, before: list[tuple[str, str]]) -> None:
    """As if nobody had asked."""
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone, shown.backend_id) == ("SHELVED_OFFLOADED", "az1", HERE)
    assert orjson.loads(shown.document)["OS-EXT-STS:task_state"] is None
    assert statuses(world.clouds[HERE]) == ["SHELVED_OFFLOADED"]
    assert counts(world.clouds[HERE]) == [1] * len(FOLLOWS)
    assert counts(world.clouds[THERE]) == [0] * len(FOLLOWS)
    assert await macs(world, server) == before
    driver = (await world.backends.open(world.region_id, HERE)).driver
    (row,) = world.clouds[HERE].of(Kind.SERVER, "project")
    assert await driver.shelved_image(row.id) is not None
    assert [row.document["name"] for row in world.clouds[THERE].of(Kind.IMAGE, "project")] == ["i"]
    await nothing_but_the_server(world, 2)


async def nothing_but_the_server(world: World, images: int) -> None:
    """What is counted is the server, its port, its network, and images: its own, and while it is shelved its disk."""
    assert await instances(world) == 1
    async with world.region.read() as tx:
        used = {name: used for name, (_, used) in (await usages.limits(tx, "p1")).items()}
    assert (used["images"], used["port"], used["network"], used["cores"]) == (images, 1, 1, 1)


async def told(world: World, server: Resource) -> str:
    """What the newest action's last event says."""
    async with world.region.read() as tx:
        newest = (await actions.of_server(tx, server.id))[0]
    assert newest["action"] == "unshelve"
    assert newest["message"] == "Error"
    return str(newest["events"][-1]["details"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


async def test_it_comes_up_there_with_its_disk_and_addresses(world: World) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    (old,) = world.clouds[HERE].of(Kind.SERVER, "project")
    content = old.extra["content"].os_hash_value
    await begun(world, server)
    await world.turn()
    await is_there(world, server, before)
    (new,) = world.clouds[THERE].of(Kind.SERVER, "project")
    assert new.extra["content"].os_hash_value == content


async def test_a_port_that_has_a_name_stays_where_names_are_known(world: World) -> None:
    server = await shelved(world)
    async with world.region.write() as tx:
        (port,) = await ports.of_server(tx, server.id)
        await ports.update(tx, WHO, port.id, {"dns_name": "web"}, None, world.clock.now)
    world.capabilities = frozenset({"network.qos"})
    with pytest.raises(Conflict, match="availability zone az2 has no names of ports"):
        await begun(world, server)
    world.capabilities |= {dns_names.CAPABILITY}
    await begun(world, server)


async def test_and_back_again(world: World) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    await begun(world, server)
    await world.turn()
    (row,) = world.clouds[THERE].of(Kind.SERVER, "project")
    driver = (await world.backends.open(world.region_id, THERE)).driver
    await driver.call(Kind.SERVER, row.id, "POST", "/action", {"shelve": None})
    await look(world, server)
    async with world.region.write() as tx:
        again = Caller(WHO.user_id, WHO.project_id, WHO.domain_id, WHO.region_id, WHO.roles, "req-back")
        await server_moves.begin(tx, again, server, world.binding(HERE), Shelved(), world.clock.now)
    await world.turn()
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone) == ("ACTIVE", "az1")
    assert counts(world.clouds[HERE]) == [1] * len(FOLLOWS)
    assert counts(world.clouds[THERE]) == [0] * len(FOLLOWS)
    assert await macs(world, server) == before


@pytest.mark.parametrize("point", range(POINTS))
async def test_killed_anywhere_it_is_there_and_nowhere_else(world: World, point: int) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    await begun(world, server)
    await world.die_at(point)
    await is_there(world, server, before)


async def test_the_points_reach_beyond_the_flow(world: World) -> None:
    server = await shelved(world)
    await begun(world, server)
    assert not await world.die_at(POINTS - 1)


async def test_the_old_one_goes_only_when_the_new_one_is_active(world: World) -> None:
    """Looked at before and after every call of either cloud: the old one is whole, or the new one is ACTIVE."""
    server = await shelved(world)
    await begun(world, server)
    seen: list[tuple[list[str], list[str]]] = []

    async def watch(moment: str, operation: str, kind: Kind | None) -> None:
        seen.append((statuses(world.clouds[HERE]), statuses(world.clouds[THERE])))

    for cloud in world.clouds.values():
        cloud.faults.crash = watch
    await world.turn()
    assert (["SHELVED_OFFLOADED"], ["BUILD"]) in seen or (["SHELVED_OFFLOADED"], ["ACTIVE"]) in seen
    for here, there in seen:
        assert here == ["SHELVED_OFFLOADED"] or there == ["ACTIVE"], (here, there)
        assert "ACTIVE" not in here


async def test_a_dead_zone_keeps_it_waiting_where_it_is(world: World) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    world.clouds[THERE].faults.down = True
    await begun(world, server)
    await world.turn(timedelta(minutes=2))
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone) == ("SHELVED_OFFLOADED", "az1")
    assert orjson.loads(shown.document)["OS-EXT-STS:task_state"] == "unshelving"
    assert statuses(world.clouds[HERE]) == ["SHELVED_OFFLOADED"]
    world.clouds[THERE].faults.down = False
    await world.turn()
    await is_there(world, server, before)


async def test_no_valid_host_there(world: World) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    world.clouds[THERE].faults.builds[Kind.SERVER] = ["No valid host was found."]
    await begun(world, server)
    await world.turn()
    await is_here(world, server, before)
    assert await told(world, server) == "zone az2: No valid host was found."
    await begun(world, server, "req-again")
    await world.turn()
    await is_there(world, server, before)


@pytest.mark.parametrize("point", range(0, POINTS, 4))
async def test_killed_anywhere_after_a_refusal_it_is_here(world: World, point: int) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    world.clouds[THERE].flavors.clear()
    await begun(world, server)
    await world.die_at(point)
    await is_here(world, server, before)
    assert "Flavor" in await told(world, server)


@pytest.mark.parametrize("point", range(0, POINTS // 2, 3))
async def test_killed_anywhere_while_it_is_deleted_nothing_is_left(world: World, point: int) -> None:
    server = await shelved(world)
    await begun(world, server)
    await world.turn(timedelta(seconds=0))
    await deleted(world, server)
    await world.die_at(point)
    assert await found(world, server) is None
    for cloud in world.clouds.values():
        assert (cloud.count(Kind.SERVER, "project"), cloud.count(Kind.PORT, "project")) == (0, 0)
    assert counts(world.clouds[THERE]) == [0] * len(FOLLOWS)
    assert await instances(world) == 0
    async with world.region.read() as tx:
        assert (await usages.limits(tx, "p1"))["images"][1] == 1


async def test_deleted_here_behind_our_back_it_still_arrives(world: World) -> None:
    server = await shelved(world)
    before = await macs(world, server)
    world.clouds[THERE].faults.down = True
    await begun(world, server)
    await world.turn(timedelta(seconds=0))
    snapshot = await only_image(world)
    (row,) = world.clouds[HERE].of(Kind.SERVER, "project")
    row.extra.pop("shelved_image")
    world.clouds[HERE].delete_behind_back(Kind.SERVER, row.id)
    await look_at_home(world, server)
    assert (await found(world, server)).status == "SHELVED_OFFLOADED"  # type: ignore[union-attr]
    world.clouds[THERE].faults.down = False
    await world.turn()
    world.clouds[HERE].delete_behind_back(Kind.IMAGE, snapshot)
    await is_there(world, server, before)


async def only_image(world: World) -> str:
    (row,) = world.clouds[HERE].of(Kind.SERVER, "project")
    return str(row.extra["shelved_image"])


async def look_at_home(world: World, server: Resource) -> None:
    async with world.region.write() as tx:
        home = await realizations.on_backend(tx, Kind.SERVER, server.id, HERE)
        assert home is not None
        await realizations.look_again(tx, home, world.clock.now)
    await world.turn(timedelta(seconds=0))


async def test_unshelved_at_home_meanwhile_it_stays_there(world: World) -> None:
    """Two requests that crossed: what is up counts."""
    server = await shelved(world)
    world.clouds[THERE].faults.down = True
    await begun(world, server)
    (row,) = world.clouds[HERE].of(Kind.SERVER, "project")
    driver = (await world.backends.open(world.region_id, HERE)).driver
    await driver.call(Kind.SERVER, row.id, "POST", "/action", {"unshelve": None})
    await look_at_home(world, server)
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone) == ("ACTIVE", "az1")
    assert await told(world, server) == f"zone az2: {server_moves.UNSHELVED_AT_HOME}"
    world.clouds[THERE].faults.down = False
    await world.turn()
    assert counts(world.clouds[THERE]) == [0] * len(FOLLOWS)
    assert statuses(world.clouds[HERE]) == ["ACTIVE"]


async def test_an_observation_of_a_former_place_is_not_the_tenants(world: World) -> None:
    server = await shelved(world)
    (old,) = world.clouds[HERE].of(Kind.SERVER, "project")
    driver = (await world.backends.open(world.region_id, HERE)).driver
    late = await driver.collections[Kind.SERVER].get(old.id)
    await begun(world, server)
    await world.turn()
    async with world.region.write() as tx:
        moved = await resources.get(tx, Kind.SERVER, server.id)
        await server_moves.settled(tx, moved, late)
        assert (await resources.get(tx, Kind.SERVER, server.id)).status == "ACTIVE"
        await server_moves.settled(tx, moved, Observed("stranger", late.document, settled=True))
        assert (await resources.get(tx, Kind.SERVER, server.id)).status == "ACTIVE"
