"""Transfers: whose the volume, its snapshots and its share of the quota are, before and after."""

from typing import Any

import pytest

from tests.unit.block_storage.test_volumes import made
from tests.unit.image.clouds import CALLER, now
from vregion.drivers.contract import Observed
from vregion.model.caller import Caller
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import resources, snapshots, transfers, usages, volumes
from vregion.region.regions import Region, Transaction

OTHER = Caller("u2", "p2", CALLER.domain_id, CALLER.region_id, CALLER.roles, "req-2")


async def offered(tx: Transaction, **more: Any) -> tuple[Resource, Resource, Resource, str]:
    """A volume with a snapshot, and an offer of it with its key."""
    volume = await made(tx)
    snapshot = await snapshots.create(tx, CALLER, {"volume_id": volume.id}, now())
    document = {"status": "available", "os-extended-snapshot-attributes:progress": "100%"}
    await snapshots.settled(tx, snapshot, Observed("ext-s", document))
    wanted = {"volume_id": volume.id, "name": "offer", "no_snapshots": False, **more}
    transfer, key = await transfers.create(tx, CALLER, wanted, now())
    return volume, snapshot, transfer, key


async def used(tx: Transaction, project_id: str) -> dict[str, int]:
    known = await usages.limits(tx, project_id)
    return {name: known[name][1] for name in ("volumes", "gigabytes", "snapshots")}


async def test_all_of_it_is_the_takers(region: Region) -> None:
    async with region.write() as tx:
        volume, snapshot, transfer, key = await offered(tx)
        assert await used(tx, "p1") == {"volumes": 1, "gigabytes": 2, "snapshots": 1}
        await transfers.accept(tx, OTHER, transfer.id, key, now())
        assert await used(tx, "p1") == {"volumes": 0, "gigabytes": 0, "snapshots": 0}
        assert await used(tx, "p2") == {"volumes": 1, "gigabytes": 2, "snapshots": 1}
        taken = await volumes.get(tx, volume.id, "p2")
        assert (taken.status, taken.user_id) == ("available", "u2")
        assert (await snapshots.get(tx, snapshot.id, "p2")).user_id == "u2"
        with pytest.raises(NotFound):
            await volumes.get(tx, volume.id, "p1")
        with pytest.raises(NotFound):
            await transfers.get(tx, transfer.id, "p1")


async def test_snapshots_that_are_left_out_stay(region: Region) -> None:
    async with region.write() as tx:
        _, snapshot, transfer, key = await offered(tx, no_snapshots=True)
        await transfers.accept(tx, OTHER, transfer.id, key, now())
        assert (await snapshots.get(tx, snapshot.id, "p1")).project_id == "p1"
        assert await used(tx, "p2") == {"volumes": 1, "gigabytes": 1, "snapshots": 0}


async def test_only_the_key_takes_it(region: Region) -> None:
    async with region.write() as tx:
        volume, _, transfer, _ = await offered(tx)
        with pytest.raises(Invalid, match="invalid auth key"):
            await transfers.accept(tx, OTHER, transfer.id, "nonsense", now())
        with pytest.raises(NotFound):
            await transfers.get(tx, transfer.id, "p2")
        assert (await volumes.get(tx, volume.id, "p1")).status == "awaiting-transfer"


async def test_no_room_leaves_it_with_its_owner(region: Region) -> None:
    async with region.write() as tx:
        volume, _, transfer, key = await offered(tx)
        await usages.set_limits(tx, "p2", {"gigabytes": 1})
    with pytest.raises(OverQuota):
        async with region.write() as tx:
            await transfers.accept(tx, OTHER, transfer.id, key, now())
    async with region.read() as tx:
        assert (await volumes.get(tx, volume.id, "p1")).status == "awaiting-transfer"
        assert await used(tx, "p2") == {"volumes": 0, "gigabytes": 0, "snapshots": 0}


async def test_an_offer_outlives_what_the_backend_says(region: Region) -> None:
    async with region.write() as tx:
        volume, _, transfer, _ = await offered(tx)
        seen = {"status": "available", "size": 1, "attachments": [], "metadata": {}}
        await volumes.settled(tx, await volumes.get(tx, volume.id, "p1"), Observed("ext", seen))
        assert (await volumes.get(tx, volume.id, "p1")).status == "awaiting-transfer"
        await transfers.delete(tx, transfer, now())
        assert (await volumes.get(tx, volume.id, "p1")).status == "available"
        assert await resources.find(tx, Kind.TRANSFER, transfer.id) is None
