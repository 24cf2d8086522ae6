"""A backup, and a volume of it in either zone: the worker killed at every await of the backup's own life."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.reconcile.test_volume_copies import WHO, leftovers, shown
from tests.reconcile.world import World
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipes import RECIPES
from vregion.region import backups, usages, volume_creates, volumes

LONG = timedelta(hours=2)
POINTS = 32


async def backed_up(world: World) -> tuple[Resource, Resource]:
    """A volume in az1, and a backup of it that is asked for."""
    zones = [world.binding("b1"), world.binding("b2")]
    async with world.region.write() as tx:
        volume = await volume_creates.create(tx, WHO, {"size": 2, "name": "source"}, zones, world.clock.now)
        tx.ring = True
    await world.turn()
    async with world.region.write() as tx:
        backup = await backups.create(tx, WHO, {"volume_id": volume.id, "name": "kept"}, world.clock.now)
        tx.ring = True
    return volume, backup


async def seen(world: World, backup: Resource) -> Resource:
    async with world.region.read() as tx:
        return await backups.get(tx, backup.id, "p1")


@pytest.mark.parametrize("point", range(POINTS))
async def test_killed_at_any_point_there_is_one_backup(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        volume, backup = await backed_up(world)
        await world.die_at(point)
        await world.turn(LONG)
        assert (await seen(world, backup)).status == "available"
        assert (await shown(world, volume)).status == "available"
        assert world.cloud.count(Kind.BACKUP) == 1


async def test_the_points_are_all_there_are(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        await backed_up(world)
        assert not await world.die_at(POINTS)


@pytest.mark.parametrize("zone", ["az1", "az2"])
async def test_it_outlives_its_volume_and_becomes_one_in_any_zone(tmp_path: Path, zone: str) -> None:
    async with World(tmp_path, RECIPES) as world:
        volume, backup = await backed_up(world)
        await world.turn()
        async with world.region.write() as tx:
            await volumes.delete(tx, await volumes.get(tx, volume.id, "p1"), world.clock.now)
            tx.ring = True
        await world.turn()
        assert world.cloud.count(Kind.VOLUME) == 0
        zones = [world.binding("b1"), world.binding("b2")]
        async with world.region.write() as tx:
            wanted = {"backup_id": backup.id, "availability_zone": zone}
            restored = await volume_creates.create(tx, WHO, wanted, zones, world.clock.now)
            tx.ring = True
        await world.turn(LONG)
        assert (await shown(world, restored)).status == "available"
        here, there = ("b1", "b2") if zone == "az1" else ("b2", "b1")
        assert (world.clouds[here].count(Kind.VOLUME), world.clouds[there].count(Kind.VOLUME)) == (1, 0)
        assert [line for line in await leftovers(world) if not line.startswith("volumes in")] == []
        async with world.region.read() as tx:
            used = await usages.limits(tx, "p1")
        assert (used["volumes"][1], used["backups"][1], used["backup_gigabytes"][1]) == (1, 1, 2)


async def test_it_goes_and_gives_its_quota_back(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        volume, backup = await backed_up(world)
        await world.turn()
        async with world.region.write() as tx:
            await volumes.write(tx, volume, world.clock.now, spec={**volume.spec, "size": 1}, status="available")
            there = await backups.get(tx, backup.id, "p1")
            with pytest.raises(Invalid, match="too small"):
                await backups.restorable(tx, there, volume.id)
            await volumes.write(tx, volume, world.clock.now, spec=volume.spec, status="available")
        async with world.region.write() as tx:
            await backups.delete(tx, await backups.get(tx, backup.id, "p1"), world.clock.now)
            tx.ring = True
        await world.turn()
        assert world.cloud.count(Kind.BACKUP) == 0
        async with world.region.read() as tx:
            used = await usages.limits(tx, "p1")
        assert (used["backups"][1], used["backup_gigabytes"][1]) == (0, 0)
