"""A volume of a snapshot, or of a volume, in another zone: the worker killed at every await.

Whatever the point, it ends with exactly one volume there, with the source untouched and no helper left in any cloud.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.reconcile.world import World
from tests.unit.network.network_rows import caller
from vregion.drivers.contract import Permanent
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipes import RECIPES
from vregion.region import resources, snapshots, usages, volume_copies, volume_creates, volumes

WHO = caller("p1", "member")
POINTS = 115
LONG = timedelta(hours=2)


async def copying(world: World, word: str = "snapshot_id", size: int = 2) -> tuple[Resource, Resource]:
    """A volume in az1, bootable, with a snapshot; and a volume of either, asked for in az2."""
    zones = [world.binding("b1"), world.binding("b2")]
    async with world.region.write() as tx:
        source = await volume_creates.create(tx, WHO, {"size": 2, "name": "source"}, zones, world.clock.now)
        tx.ring = True
    await world.turn()
    async with world.region.write() as tx:
        source = await volumes.get(tx, source.id, "p1")
        snapshot = await snapshots.create(tx, WHO, {"volume_id": source.id}, world.clock.now)
        tx.ring = True
    await world.turn()
    async with world.region.write() as tx:
        from_ = snapshot.id if word == "snapshot_id" else source.id
        wanted = {word: from_, "availability_zone": "az2", "size": size, "name": "copy", "metadata": {"mine": "yes"}}
        copy = await volume_creates.create(tx, WHO, wanted, zones, world.clock.now)
        tx.ring = True
    return source, copy


async def shown(world: World, volume: Resource) -> Resource:
    async with world.region.read() as tx:
        return await volumes.get(tx, volume.id, "p1")


async def leftovers(world: World) -> list[str]:
    """Rows of helpers, and what the clouds have beyond the source, its snapshot and the one copy."""
    async with world.region.read() as tx:
        rows = await resources.list_resources(tx, resources.Query(Kind.VOLUME, volume_copies.PROJECT))
        rows += await resources.list_resources(tx, resources.Query(Kind.IMAGE, volume_copies.PROJECT))
    found = [f"row of {row.kind} {row.id}" for row in rows]
    for name, cloud in world.clouds.items():
        found += [f"image in {name}: {row.document['name']}" for row in cloud.of(Kind.IMAGE, "project")]
        there = int(name in ("b1", "b2"))
        found += [f"volumes in {name}: {cloud.count(Kind.VOLUME)}"] if cloud.count(Kind.VOLUME) != there else []
    return found


@pytest.mark.parametrize("word", ["snapshot_id", "source_volid"])
async def test_it_arrives_and_leaves_nothing(tmp_path: Path, word: str) -> None:
    async with World(tmp_path, RECIPES) as world:
        _, copy = await copying(world, word, size=3)
        assert copy.availability_zone == "az2"
        assert copy.spec[word]
        assert volumes.document(copy)["metadata"][volume_copies.COPY].startswith("1/3: a volume of it")
        await world.turn()
        there = await shown(world, copy)
        assert (there.status, there.spec["size"], there.spec["bootable"]) == ("available", 3, "false")
        assert volumes.document(there)["metadata"] == {"mine": "yes"}
        assert "volume_image_metadata" not in volumes.document(there)
        assert await leftovers(world) == []
        (row,) = world.clouds["b2"].of(Kind.VOLUME)
        assert row.document["bootable"] == "false"
        async with world.region.read() as tx:
            used = await usages.limits(tx, "p1")
        assert (used["volumes"][1], used["gigabytes"][1]) == (2, 7)


@pytest.mark.parametrize("point", range(POINTS))
async def test_killed_at_any_point_there_is_one_volume_and_no_helper(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        _, copy = await copying(world)
        await world.die_at(point)
        await world.turn(LONG)
        assert (await shown(world, copy)).status == "available"
        assert await leftovers(world) == []


async def test_the_points_are_all_there_are(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        await copying(world)
        assert not await world.die_at(POINTS)


async def test_a_copy_that_its_zone_refuses_fails_with_its_words_and_leaves_nothing(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        _, copy = await copying(world)
        world.clouds["b1"].faults.fail_next(Kind.IMAGE, "create", Permanent("the store is full", 400))
        await world.turn(LONG)
        there = await shown(world, copy)
        assert there.status == "error"
        assert there.spec[volumes.FAULT] == "The copy from availability zone az1 failed: the store is full"
        async with world.region.write() as tx:
            await volumes.delete(tx, there, world.clock.now)
            tx.ring = True
        await world.turn(LONG)
        assert world.clouds["b1"].count(Kind.VOLUME) == 1
        assert world.clouds["b2"].count(Kind.VOLUME) == 0
        async with world.region.read() as tx:
            used = await usages.limits(tx, "p1")
        assert (used["volumes"][1], used["gigabytes"][1]) == (1, 4)


async def test_a_dead_source_zone_holds_it_up_and_no_longer(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        _, copy = await copying(world)
        world.clouds["b1"].faults.down = True
        await world.turn(timedelta(minutes=2))
        assert (await shown(world, copy)).status == "creating"
        world.clouds["b1"].faults.down = False
        await world.turn(LONG)
        assert (await shown(world, copy)).status == "available"
        assert await leftovers(world) == []
