"""A shelved server with volumes comes up in another zone: the worker killed at every await.

At every moment the server and its volumes are in one place or the other: never in two, never lost, and charged once.
There are so many awaits that one in five or more is taken, unless VREGION_EVERY_POINT is set.
"""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.reconcile.test_server_moves import HERE, THERE, counts, look, shelved, statuses, told
from tests.reconcile.test_servers import WHO, Disks, deleted, found, instances
from tests.reconcile.world import World
from vregion.drivers.contract import Permanent
from vregion.drivers.memory import MemoryCloud
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipes import RECIPES
from vregion.region import realizations, resources, server_moves, usages, volume_copies, volumes
from vregion.region.server_moves import Shelved

POINTS = 290  # of a server that boots from a volume
MANY = 430  # of one with two
LONG = timedelta(hours=2)


def some(points: int, step: int) -> range:
    """At which of them the worker is killed."""
    return range(0, points, 1 if "VREGION_EVERY_POINT" in os.environ else step)


def beside(image_id: str) -> Disks:
    """An image, and two volumes beside it: one that stays and one that goes with the server."""
    root = {"source_type": "image", "destination_type": "local", "uuid": image_id, "boot_index": 0}
    volume = {"source_type": "image", "destination_type": "volume", "uuid": image_id, "volume_size": 1}
    kept = volume | {"boot_index": -1, "delete_on_termination": False, "device_name": "/dev/vdc"}
    goes = volume | {"boot_index": -1, "delete_on_termination": True, "device_name": "/dev/vdb"}
    return [root, kept, goes]


def below(image_id: str) -> Disks:
    """It boots from a volume."""
    root = {"source_type": "image", "destination_type": "volume", "uuid": image_id, "volume_size": 1, "boot_index": 0}
    return [root | {"delete_on_termination": False}]


async def begun(world: World, server: Resource, request_id: str = "req-move") -> None:
    """The unshelve is accepted, with what its cloud told."""
    driver = (await world.backends.open(world.region_id, HERE)).driver
    (row,) = world.clouds[HERE].of(Kind.SERVER, "project")
    answer = await driver.call(Kind.SERVER, row.id, "GET", "/os-volume_attachments")
    assert answer.body is not None
    by_external = {one["volumeId"]: one["device"] for one in answer.body["volumeAttachments"]}
    caller = type(WHO)(WHO.user_id, WHO.project_id, WHO.domain_id, WHO.region_id, WHO.roles, request_id)
    async with world.region.write() as tx:
        server = await resources.get(tx, Kind.SERVER, server.id)
        keys = [(Kind.VOLUME, v["volumeId"]) for v in server.spec["volumes"]]
        there = await realizations.external_ids(tx, HERE, keys)
        devices = {i: by_external[external] for (_, i), external in there.items()}
        await server_moves.begin(tx, caller, server, world.binding(THERE), Shelved(devices=devices), world.clock.now)


async def its_volumes(world: World, server: Resource) -> list[Resource]:
    async with world.region.read() as tx:
        server = await resources.get(tx, Kind.SERVER, server.id)
        return [await resources.get(tx, Kind.VOLUME, v["volumeId"]) for v in server.spec["volumes"]]


def fixed(volume: Resource) -> dict[str, Any]:
    """What a move does not change."""
    names = ("id", "name", "size", "bootable", "volume_type", "volume_image_metadata", "user_id", "created_at")
    document = volumes.document(volume)
    return {name: document.get(name) for name in names}


def contents(cloud: MemoryCloud) -> list[str]:
    return [row.extra["content"].os_hash_value for row in cloud.of(Kind.VOLUME, "project")]


def attached(cloud: MemoryCloud) -> list[tuple[str, bool]]:
    (row,) = cloud.of(Kind.SERVER, "project")
    return sorted((one["device"], one["delete_on_termination"]) for one in row.extra["attachments"])


async def leftovers(world: World, counted: int = 1) -> list[str]:
    """Helpers, as rows or in a cloud, what holds a volume beside its server, and another count of images."""
    async with world.region.read() as tx:
        rows = await resources.list_resources(tx, resources.Query(Kind.VOLUME, volume_copies.PROJECT))
        rows += await resources.list_resources(tx, resources.Query(Kind.IMAGE, volume_copies.PROJECT))
        used = {name: used for name, (_, used) in (await usages.limits(tx, "p1")).items()}
    found = [f"row of {row.kind} {row.id}" for row in rows]
    for name, cloud in world.clouds.items():
        images = [row.document["name"] for row in cloud.of(Kind.IMAGE, "project")]
        found += [f"image {image} in {name}" for image in images if image != "i" and not image.endswith("-shelved")]
        for volume in cloud.of(Kind.VOLUME):
            found += [f"{len(volume.extra['held'])} hold it"] if len(volume.extra["held"]) > 1 else []
    return found + ([f"{used['images']} images"] if used["images"] != counted else [])


async def charged(world: World) -> tuple[int, int, int]:
    async with world.region.read() as tx:
        used = await usages.limits(tx, "p1")
    return used["volumes"][1], used["gigabytes"][1], await instances(world)


async def is_there(world: World, server: Resource, before: list[Resource]) -> None:
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone, shown.backend_id) == ("ACTIVE", "az2", THERE)
    after = await its_volumes(world, server)
    assert [fixed(volume) for volume in after] == [fixed(volume) for volume in before]
    assert {(v.status, v.availability_zone, v.backend_id) for v in after} == {("in-use", "az2", THERE)}
    for volume, entry in zip(after, shown.spec["volumes"], strict=True):
        (one,) = volume.spec["attachments"]
        assert (one["server_id"], one["attachment_id"]) == (server.id, entry["attachment_id"])
        assert volumes.document(volume)["metadata"] == {}
        assert volume_copies.MOVING not in volume.spec
    assert statuses(world.clouds[THERE]) == ["ACTIVE"]
    assert world.clouds[THERE].count(Kind.VOLUME) == len(before)
    assert world.clouds[HERE].count(Kind.VOLUME) == 0
    assert counts(world.clouds[HERE]) == [0] * 4
    assert await leftovers(world) == []
    assert await charged(world) == (len(before), len(before), 1)


async def is_here(world: World, server: Resource, before: list[Resource]) -> None:
    """As if nobody had asked."""
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, shown.availability_zone, shown.backend_id) == ("SHELVED_OFFLOADED", "az1", HERE)
    after = await its_volumes(world, server)
    assert [fixed(volume) for volume in after] == [fixed(volume) for volume in before]
    assert {(v.status, v.availability_zone, v.backend_id) for v in after} == {("reserved", "az1", HERE)}
    assert world.clouds[THERE].count(Kind.VOLUME) == 0
    assert world.clouds[HERE].count(Kind.VOLUME) == len(before)
    assert counts(world.clouds[THERE]) == [0] * 4
    assert await leftovers(world, 2) == [], "the second is that of the shelved server"
    assert await charged(world) == (len(before), len(before), 1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


@pytest.mark.parametrize("disks", [beside, below])
async def test_its_volumes_are_there_with_what_is_on_them(world: World, disks: Any) -> None:
    server = await shelved(world, disks)
    before, content = await its_volumes(world, server), contents(world.clouds[HERE])
    assert {volume.status for volume in before} == {"reserved"}
    await begun(world, server)
    moving = await its_volumes(world, server)
    assert {volume.status for volume in moving} == {volumes.MAINTENANCE}
    assert volumes.document(moving[0])["metadata"][volume_copies.COPY].startswith("1/3: a volume of it is being made")
    await world.turn(LONG)
    await is_there(world, server, before)
    assert contents(world.clouds[THERE]) == content
    kept = [("/dev/vda", False)] if disks is below else [("/dev/vdb", True), ("/dev/vdc", False)]
    assert attached(world.clouds[THERE]) == kept
    bootable = {row.document["bootable"] for row in world.clouds[THERE].of(Kind.VOLUME)}
    assert bootable == {"true"}


async def test_and_back_again(world: World) -> None:
    server = await shelved(world, beside)
    before = await its_volumes(world, server)
    await begun(world, server)
    await world.turn(LONG)
    driver = (await world.backends.open(world.region_id, THERE)).driver
    (row,) = world.clouds[THERE].of(Kind.SERVER, "project")
    await driver.call(Kind.SERVER, row.id, "POST", "/action", {"shelve": None})
    await look(world, server)
    async with world.region.write() as tx:
        caller = type(WHO)(WHO.user_id, WHO.project_id, WHO.domain_id, WHO.region_id, WHO.roles, "req-back")
        moved = await resources.get(tx, Kind.SERVER, server.id)
        await server_moves.begin(tx, caller, moved, world.binding(HERE), Shelved(), world.clock.now)
    await world.turn(LONG)
    after = await its_volumes(world, server)
    assert [fixed(volume) for volume in after] == [fixed(volume) for volume in before]
    assert {(v.status, v.backend_id) for v in after} == {("in-use", HERE)}
    assert [world.clouds[name].count(Kind.VOLUME) for name in (HERE, THERE)] == [2, 0]
    assert await leftovers(world) == []


ANYWHERE = [*((below, point) for point in some(POINTS, 5)), *((beside, point) for point in some(MANY, 29))]


@pytest.mark.parametrize(("disks", "point"), ANYWHERE)
async def test_killed_anywhere_it_is_there_and_nowhere_else(world: World, disks: Any, point: int) -> None:
    server = await shelved(world, disks)
    before = await its_volumes(world, server)
    await begun(world, server)
    await world.die_at(point)
    await world.turn(LONG)
    await is_there(world, server, before)


@pytest.mark.parametrize(("disks", "points"), [(below, POINTS), (beside, MANY)])
async def test_the_points_reach_beyond_the_flow(world: World, disks: Any, points: int) -> None:
    server = await shelved(world, disks)
    await begun(world, server)
    assert not await world.die_at(points - 1)


async def test_the_old_ones_go_only_when_the_server_is_active_there(world: World) -> None:
    """Looked at before and after every call of either cloud."""
    server = await shelved(world, beside)
    await begun(world, server)
    seen: list[tuple[int, list[str]]] = []

    async def watch(moment: str, operation: str, kind: Kind | None) -> None:
        old = [row for row in world.clouds[HERE].of(Kind.VOLUME) if row.mark in kept]
        seen.append((len(old), statuses(world.clouds[THERE])))

    kept = {volume.id for volume in await its_volumes(world, server)}
    for cloud in world.clouds.values():
        cloud.faults.crash = watch
    await world.turn(LONG)
    assert (2, ["ACTIVE"]) in seen
    assert world.clouds[HERE].count(Kind.VOLUME) == 0
    for old, there in seen:
        assert old == 2 or there == ["ACTIVE"], (old, there)


async def test_where_none_is_made_of_a_volume_in_use_the_image_is_made_of_itself(world: World) -> None:
    server = await shelved(world, below)
    before, content = await its_volumes(world, server), contents(world.clouds[HERE])
    world.clouds[HERE].faults.builds[Kind.VOLUME] = ["the source volume must be available"]
    await begun(world, server)
    await world.turn(LONG)
    assert world.clouds[HERE].faults.builds[Kind.VOLUME] == []
    await is_there(world, server, before)
    assert contents(world.clouds[THERE]) == content


@pytest.mark.parametrize("point", some(POINTS, 13))
async def test_killed_anywhere_on_that_way_it_is_there(world: World, point: int) -> None:
    server = await shelved(world, below)
    before = await its_volumes(world, server)
    world.clouds[HERE].faults.builds[Kind.VOLUME] = ["the source volume must be available"]
    await begun(world, server)
    await world.die_at(point)
    await world.turn(LONG)
    await is_there(world, server, before)


async def test_a_zone_that_gives_nothing_away_keeps_it(world: World) -> None:
    server = await shelved(world, beside)
    before = await its_volumes(world, server)
    refusal = Permanent("Volume status must be available", 400)
    world.clouds[HERE].faults.fail_next(Kind.VOLUME, "create", refusal)
    world.clouds[HERE].faults.fail_next(Kind.IMAGE, "create", refusal)
    await begun(world, server)
    await world.turn(LONG)
    await is_here(world, server, before)
    assert "The copy from availability zone az1 failed: Volume status must be available" in await told(world, server)


@pytest.mark.parametrize("point", some(MANY, 27))
async def test_killed_anywhere_after_a_refusal_it_is_here(world: World, point: int) -> None:
    server = await shelved(world, beside)
    before = await its_volumes(world, server)
    world.clouds[THERE].flavors.clear()
    await begun(world, server)
    await world.die_at(point)
    await world.turn(LONG)
    await is_here(world, server, before)
    assert "Flavor" in await told(world, server)


async def test_no_room_for_the_copy_there(world: World) -> None:
    server = await shelved(world, beside)
    before = await its_volumes(world, server)
    world.clouds[THERE].quotas[Kind.VOLUME] = 1
    await begun(world, server)
    await world.turn(LONG)
    await is_here(world, server, before)
    assert "Quota exceeded" in await told(world, server)


async def test_a_dead_zone_keeps_it_waiting_where_it_is(world: World) -> None:
    server = await shelved(world, below)
    before = await its_volumes(world, server)
    world.clouds[THERE].faults.down = True
    await begun(world, server)
    await world.turn(timedelta(minutes=2))
    shown = await found(world, server)
    assert shown is not None
    assert orjson.loads(shown.document)["OS-EXT-STS:task_state"] == "unshelving"
    assert world.clouds[HERE].count(Kind.SERVER, "project") == 1
    world.clouds[THERE].faults.down = False
    await world.turn(LONG)
    await is_there(world, server, before)


@pytest.mark.parametrize("point", some(MANY // 2, 17))
async def test_killed_anywhere_while_it_is_deleted_only_what_stays_is_left(world: World, point: int) -> None:
    server = await shelved(world, beside)
    kept, goes = await its_volumes(world, server)
    await begun(world, server)
    await world.turn(timedelta(seconds=0))
    await deleted(world, server)
    await world.die_at(point)
    await world.turn(LONG)
    assert await found(world, server) is None
    async with world.region.read() as tx:
        assert await resources.find(tx, Kind.VOLUME, goes.id) is None
        left = await resources.get(tx, Kind.VOLUME, kept.id)
    assert (left.status, left.backend_id) == ("available", HERE)
    assert [world.clouds[name].count(Kind.VOLUME) for name in (HERE, THERE)] == [1, 0]
    assert await leftovers(world) == []
    assert await charged(world) == (1, 1, 0)
