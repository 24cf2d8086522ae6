"""A volume's rules: its zone, its server, its quota, and what a backend's word changes of it."""

from typing import Any

import pytest

from tests.unit.image.clouds import CALLER, ZONES, now, opened
from tests.unit.region.rows import resource
from vregion.drivers.contract import Observed
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import leases, realizations, resources, usages, volume_copies, volume_creates, volumes
from vregion.region.regions import Region, Regions, Transaction


async def made(tx: Transaction, **wanted: Any) -> Resource:
    """A volume that its backend has made."""
    volume = await volume_creates.create(tx, CALLER, {"size": 1, **wanted}, ZONES, now())
    await saw(tx, volume, "available")
    return await volumes.get(tx, volume.id, "p1")


async def saw(tx: Transaction, volume: Resource, status: str, *attachments: dict[str, Any], size: int = 1) -> Resource:
    """The backend shows it so."""
    document = {"status": status, "size": size, "attachments": list(attachments), "metadata": {}}
    current = await volumes.get(tx, volume.id, "p1")
    await volumes.settled(tx, current, Observed("ext", document, settled=status in ("available", "in-use")))
    return await volumes.get(tx, volume.id, "p1")


async def gigabytes(tx: Transaction) -> int:
    return (await usages.limits(tx, "p1"))["gigabytes"][1]


async def test_the_zone_asked_for_else_the_sources_else_the_default(region: Region) -> None:
    async with region.write() as tx:
        assert (await made(tx)).availability_zone == "az1"
        second = await made(tx, availability_zone="az2")
        assert second.backend_id == "b2"
        clone = await volume_creates.create(tx, CALLER, {"source_volid": second.id}, ZONES, now())
        assert clone.availability_zone == "az2"
        across = {"source_volid": second.id, "availability_zone": "az1"}
        assert (await volume_creates.create(tx, CALLER, across, ZONES, now())).availability_zone == "az1"


async def test_a_server_of_another_zone_does_not_get_it(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        assert (await volumes.for_server(tx, volume.id, "p1", "b1")).id == volume.id
        with pytest.raises(Invalid, match="same availability zone"):
            await volumes.for_server(tx, volume.id, "p1", "b2")
        with pytest.raises(NotFound):
            await volumes.for_server(tx, volume.id, "p2", "b1")


async def test_a_reservation_outlives_what_the_backend_still_says(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await volumes.reserve_attach(tx, volume, "s1", "a1", now())
        assert (await saw(tx, volume, "available")).status == "reserved"
        with pytest.raises(Invalid, match="Currently in 'reserved'"):
            await volumes.for_server(tx, volume.id, "p1", "b1")
        await volumes.detached(tx, volume, "s1", now())
        assert (await volumes.get(tx, volume.id, "p1")).status == "available"


async def test_an_attachment_is_told_in_our_ids(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        server = resource(Kind.SERVER, id="s1")
        await resources.insert_resource(tx, server)
        await realizations.want(tx, Kind.SERVER, "s1", "b1", now())
        there = await realizations.on_backend(tx, Kind.SERVER, "s1", "b1")
        assert there is not None
        await leases.save(tx, there, external_id="ext-server")
        await volumes.reserve_attach(tx, volume, "s1", "a1", now())
        await volumes.attached(tx, volume, "s1", "/dev/vdb", now())
        assert (await volumes.get(tx, volume.id, "p1")).status == "attaching"
        told = {"server_id": "ext-server", "attachment_id": "ext-a", "device": "/dev/vdc", "attached_at": "t"}
        volume = await saw(tx, volume, "in-use", told)
        assert volume.status == "in-use"
        [shown] = volume.spec["attachments"]
        assert (shown["server_id"], shown["attachment_id"], shown["id"]) == ("s1", "a1", volume.id)
        with pytest.raises(Invalid, match="Volume status must be available or error"):
            await volumes.delete(tx, volume, now())
        await volumes.detached(tx, volume, "s1", now())
        assert (await volumes.get(tx, volume.id, "p1")).status == "detaching"
        volume = await saw(tx, volume, "available")
        assert (volume.status, volume.spec["attachments"]) == ("available", [])


async def test_an_admin_finds_every_projects_but_not_what_copies_need(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        helper = resource(Kind.VOLUME, project_id=volume_copies.PROJECT)
        await resources.insert_resource(tx, helper)
        assert (await volumes.get(tx, volume.id, None)).id == volume.id
        with pytest.raises(NotFound):
            await volumes.get(tx, volume.id, "p2")
        with pytest.raises(NotFound):
            await volumes.get(tx, helper.id, None)


async def test_the_quota_follows_the_size(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await usages.set_limits(tx, "p1", {"gigabytes": 5})
        await volumes.extending(tx, volume, 4, now())
        assert await gigabytes(tx) == 4
        await volumes.not_extending(tx, volume, now())
        assert await gigabytes(tx) == 1
        with pytest.raises(OverQuota, match="exceeds allowed gigabytes quota"):
            await volumes.extending(tx, await volumes.get(tx, volume.id, "p1"), 9, now())
        await volumes.extending(tx, await volumes.get(tx, volume.id, "p1"), 3, now())
        assert (await saw(tx, volume, "available", size=3)).spec["size"] == 3
        assert await gigabytes(tx) == 3


async def test_a_volume_goes_and_leaves_nothing(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        async with region.write() as tx:
            volume = await volume_creates.create(tx, CALLER, {"size": 2, "name": "one"}, ZONES, now())
        await clouds.settle()
        async with region.write() as tx:
            volume = await volumes.get(tx, volume.id, "p1")
            assert volume.status == "available"
            await volumes.delete(tx, volume, now())
        await clouds.settle()
        assert clouds.clouds["b1"].count(Kind.VOLUME) == 0
        async with region.read() as tx:
            assert await resources.find(tx, Kind.VOLUME, volume.id) is None
            assert await gigabytes(tx) == 0


async def test_a_volume_gone_behind_our_back_is_in_error_and_not_made_again(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        async with region.write() as tx:
            volume = await volume_creates.create(tx, CALLER, {"size": 2}, ZONES, now())
        await clouds.settle()
        [row] = clouds.clouds["b1"].of(Kind.VOLUME)
        clouds.clouds["b1"].delete_behind_back(Kind.VOLUME, row.id)
        async with region.write() as tx:
            there = await realizations.on_backend(tx, Kind.VOLUME, volume.id, "b1")
            assert there is not None
            await realizations.look_again(tx, there, now())
        await clouds.settle()
        async with region.read() as tx:
            volume = await volumes.get(tx, volume.id, "p1")
        assert volume.status == "error"
        assert "gone from its availability zone az1" in volume.spec[volumes.FAULT]
        assert clouds.clouds["b1"].count(Kind.VOLUME) == 0
