"""The background asks each zone what its project may still make, after work there; what is refused says so."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from tests.reconcile.test_servers import booted
from tests.reconcile.world import World
from vregion.model.backend import Binding
from vregion.model.resource import Kind
from vregion.reconcile.loop import Time
from vregion.reconcile.recipes import RECIPES
from vregion.reconcile.room import PAUSE, Rooms
from vregion.region import resources, room
from vregion.region.room import Room


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as world:
        world.cloud.limits = {"cores": 4, "gigabytes": 50}
        yield world


def rooms_of(world: World) -> Rooms:
    async def zones(region_id: str) -> list[Binding]:
        return [world.binding("b1"), world.binding("b2")]

    return Rooms(world.loop, world.regions, world.backends, zones)


async def known(world: World) -> dict[str, Room]:
    async with world.region.read() as tx:
        return await room.known(tx)


async def test_each_zone_is_asked_once(world: World) -> None:
    await booted(world, 2)
    rooms = rooms_of(world)
    await rooms.look(world.region_id)
    seen = await known(world)
    assert seen.keys() == {"b1", "b2"}
    assert seen["b1"].amounts["cores"] == (4, 2), "what is not there yet is counted"
    assert seen["b2"].amounts["cores"] == (-1, 0)
    await world.turn()
    world.clock.move(timedelta(seconds=PAUSE))
    await rooms.look(world.region_id)
    assert (await known(world))["b1"].amounts["cores"] == (4, 2), "what is there is counted once"
    await rooms.look(world.region_id)
    assert world.cloud.faults.count("room", None) == 2, "somebody has just asked"


async def test_a_silent_zone_keeps_what_was_known_of_it(world: World) -> None:
    rooms = rooms_of(world)
    await rooms.look(world.region_id)
    before = (await known(world))["b1"]
    world.cloud.faults.down = True
    world.clock.move(timedelta(seconds=PAUSE))
    await rooms.look(world.region_id)
    after = await known(world)
    assert after["b1"] == before
    assert after["b2"].seen_at > before.seen_at


async def test_work_is_followed_until_there_is_none(world: World) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.move(timedelta(seconds=seconds))
        if len(slept) == 2:
            rooms.watch(world.region_id)
        await asyncio.sleep(0)

    rooms = rooms_of(world)
    world.loop.time = Time(lambda: world.clock.now, sleep)
    await booted(world)
    await world.turn()
    for _ in range(20):
        await asyncio.sleep(0)
    assert slept == [PAUSE] * 2 or slept == [PAUSE] * 3
    assert world.cloud.faults.count("room", None) == len(slept)
    assert (await known(world))["b1"].amounts["cores"] == (4, 1)
    await rooms.close()


async def test_what_a_full_zone_refuses_is_told_in_the_tenants_words(world: World) -> None:
    servers = await booted(world, 5)
    await world.turn()
    async with world.region.read() as tx:
        found = (await resources.find_many(tx, Kind.SERVER, [server.id for server in servers])).values()
    failed = [orjson.loads(server.document) for server in found if server.status == "ERROR"]
    assert [server.status for server in found].count("ACTIVE") == 4
    assert [one["fault"]["message"] for one in failed] == [
        "No valid host was found. There are not enough hosts available. "
        "Quota exceeded for cores: Requested 1, but already used 4 of 4 cores"
    ]
