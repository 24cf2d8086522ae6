"""Limits of a volume type: they hold for what becomes of it by any way, and never oversell."""

import asyncio
from dataclasses import replace

import pytest

from tests.unit.block_storage.test_transfers import OTHER
from tests.unit.image.clouds import CALLER, ZONES, now
from vregion.drivers.contract import Observed
from vregion.model.backend import VolumeType
from vregion.model.refusals import OverQuota
from vregion.model.resource import Resource
from vregion.region import snapshots, transfers, usages, volume_creates, volume_type_limits, volume_types, volumes
from vregion.region.regions import Region, Transaction

TYPED = tuple(replace(zone, volume_types=(VolumeType("fast"), VolumeType("slow"))) for zone in ZONES)
FAST, SLOW = (volume_types.find(TYPED, name) for name in ("fast", "slow"))


async def made(tx: Transaction, kind: str = "fast", size: int = 1) -> Resource:
    wanted = {"size": size, "volume_type": kind}
    volume = await volume_creates.create(tx, CALLER, wanted, TYPED, now())
    seen = {"status": "available", "size": size, "attachments": [], "metadata": {}, "volume_type": kind}
    await volumes.settled(tx, volume, Observed("ext-1", seen, settled=True))
    return await volumes.get(tx, volume.id, "p1")


async def limit(tx: Transaction, project_id: str = "p1", **limits: int) -> None:
    """Of the type `fast`."""
    keys = {volume_type_limits.key(part, FAST["id"]): value for part, value in limits.items()}
    await usages.set_limits(tx, project_id, keys)


async def test_of_another_type_there_is_room(region: Region) -> None:
    async with region.write() as tx:
        await limit(tx, volumes=1)
        await made(tx)
        await made(tx, "slow")
        with pytest.raises(OverQuota, match=r"allowed \(1\) exceeded for quota 'volumes_fast'"):
            await made(tx)


async def test_a_snapshot_is_of_its_volumes_type(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx, size=2)
        await limit(tx, gigabytes=4, snapshots=1)
        await snapshots.create(tx, CALLER, {"volume_id": volume.id}, now())
        used = await volume_type_limits.used(tx, "p1")
        assert {part: used[volume_type_limits.key(part, FAST["id"])] for part in volume_type_limits.PARTS} == {
            "volumes": 1,
            "gigabytes": 4,
            "snapshots": 1,
        }
        with pytest.raises(OverQuota, match=r"gigabytes_fast quota\. Requested 1G, quota is 4G and 4G has"):
            await volumes.extending(tx, volume, 3, now())
        await limit(tx, gigabytes=-1)
        with pytest.raises(OverQuota, match=r"number of snapshots allowed \(1\) exceeded$"):
            await snapshots.create(tx, CALLER, {"volume_id": volume.id}, now())


async def test_a_volume_changes_its_type_where_there_is_room_for_it_and_its_snapshots(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx, "slow")
        await snapshots.create(tx, CALLER, {"volume_id": volume.id}, now())
        await limit(tx, gigabytes=1)
        with pytest.raises(OverQuota, match="gigabytes_fast"):
            await volumes.retyping(tx, volume, FAST, now())
        await limit(tx, gigabytes=2)
        await volumes.retyping(tx, volume, FAST, now())
        with pytest.raises(OverQuota, match="gigabytes_fast"):
            await made(tx)
        seen = {"status": "retyping", "size": 1, "attachments": [], "metadata": {}, "volume_type": "slow"}
        await volumes.settled(tx, await volumes.get(tx, volume.id, "p1"), Observed("ext-1", seen))
        assert volume_types.of(await volumes.get(tx, volume.id, "p1"))[0] == "fast"
        await volumes.not_retyping(tx, volume, now())
        current = await volumes.get(tx, volume.id, "p1")
        assert (volume_types.of(current)[0], current.status) == ("slow", "available")
        await made(tx)


async def test_a_transfer_needs_room_in_the_takers_type(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await limit(tx, "p2", volumes=0)
        wanted = {"volume_id": volume.id, "name": "offer", "no_snapshots": False}
        transfer, key = await transfers.create(tx, CALLER, wanted, now())
        with pytest.raises(OverQuota, match="volumes_fast"):
            await transfers.accept(tx, OTHER, transfer.id, key, now())


async def test_a_class_limits_every_project(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits_of(tx, "", usages.CLASS, {volume_type_limits.key("volumes", FAST["id"]): 0})
        with pytest.raises(OverQuota, match="volumes_fast"):
            await made(tx)


async def test_many_at_once_never_oversell(region: Region) -> None:
    async with region.write() as tx:
        await limit(tx, volumes=3)

    async def one() -> bool:
        try:
            async with region.write() as tx:
                await volume_creates.create(tx, CALLER, {"size": 1, "volume_type": "fast"}, TYPED, now())
        except OverQuota:
            return False
        return True

    assert sum(await asyncio.gather(*(one() for _ in range(12)))) == 3
    async with region.read() as tx:
        assert (await usages.limits(tx, "p1"))["volumes"] == (200, 3)
