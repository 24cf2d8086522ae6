"""An image comes to a zone once, whole, and as it was, whatever breaks on the way."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.unit.image.clouds import CALLER, ZONES, now, opened
from vregion.drivers.contract import Transient
from vregion.drivers.memory import MemoryDriver
from vregion.model.resource import Kind, State
from vregion.reconcile.images import RECIPE as IMAGES
from vregion.reconcile.work import gone
from vregion.region import image_copies, image_data, images, leases, realizations, usages, volume_creates, volumes
from vregion.region.regions import Region, Regions

DATA = bytes(range(256)) * 4096


async def test_fifty_volumes_of_an_image_make_one_copy(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        wanted = {"size": 1, "imageRef": image.id, "availability_zone": "az2"}
        for _ in range(50):
            async with region.write() as tx:
                await volume_creates.create(tx, CALLER, wanted, ZONES, now())
        await clouds.settle()
        assert clouds.clouds["b2"].count(Kind.IMAGE) == 1
        assert clouds.clouds["b2"].count(Kind.VOLUME) == 50
        assert await clouds.bytes_in(image, "b2") == DATA


async def test_a_copy_reads_on_where_its_source_broke(
    regions: Regions, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    whole = MemoryDriver.download

    async def broken(self: MemoryDriver, external_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        asked.append(offset)
        count = 0
        async for chunk in whole(self, external_id, offset):
            yield chunk
            count += 1
            if count == 2:
                raise Transient("the connection was lost", reachable=False)

    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        monkeypatch.setattr(MemoryDriver, "download", broken)
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, image.id, "b2", now())
        await clouds.settle()
        monkeypatch.undo()
        assert await clouds.bytes_in(image, "b2") == DATA
    assert asked == sorted(set(asked))
    assert len(asked) > 2


async def test_other_bytes_never_become_the_image(
    regions: Regions, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forged(self: MemoryDriver, external_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        yield bytes(len(DATA))

    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        monkeypatch.setattr(MemoryDriver, "download", forged)
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, image.id, "b2", now())
        await clouds.settle()
        there = await clouds.there(image, "b2")
        assert there is not None
        assert there.state is State.PROGRESSING
        assert "checksum" in str(there.reason)
        [row] = clouds.clouds["b2"].of(Kind.IMAGE)
        assert row.document["status"] == "queued"


async def test_an_upload_whose_process_died_leaves_a_queued_image(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        before = now() - 2 * image_data.LEASE
        async with region.write() as tx:
            given = {"name": "one", "disk_format": "raw", "container_format": "bare"}
            image = await images.create(tx, CALLER, given, now())
            _, realization = await image_data.begin_upload(tx, CALLER, image.id, ("az1", "b1"), before)
            await leases.save(tx, realization, state=State.CREATING)
        await (await clouds.driver("b1")).collections[Kind.IMAGE].create(image.id, images.record(image))
        await clouds.settle()
        async with region.read() as tx:
            assert (await images.visible(tx, image.id, "p1")).status == "queued"
        assert clouds.clouds["b1"].count(Kind.IMAGE) == 0
        assert await clouds.there(image, "b1") is None


async def test_the_only_copy_lost_is_told(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        there = await clouds.there(image, "b1")
        assert there is not None
        clouds.clouds["b1"].delete_behind_back(Kind.IMAGE, str(there.external_id))
        async with region.write() as tx:
            await realizations.look_again(tx, there, now())
        await clouds.settle()
        async with region.read() as tx:
            assert (await images.visible(tx, image.id, "p1")).status == "killed"


async def test_a_deleted_image_leaves_every_zone_and_the_quota(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, image.id, "b2", now())
        await clouds.settle()
        async with region.write() as tx:
            await images.delete(tx, await images.visible(tx, image.id, "p1"), now())
        await clouds.settle()
        assert [cloud.count(Kind.IMAGE) for cloud in clouds.clouds.values()] == [0, 0]
        async with region.read() as tx:
            assert (await usages.limits(tx, "p1"))["images"][1] == 0


async def test_a_registered_image_is_neither_copied_nor_deleted(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        driver = await clouds.driver("b2")
        source = await clouds.image(DATA)
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, source.id, "b2", now())
        await clouds.settle()
        there = await clouds.there(source, "b2")
        assert there is not None
        seen = await driver.collections[Kind.IMAGE].get(str(there.external_id))
        async with region.write() as tx:
            image = await images.create(tx, CALLER, {"name": "registered"}, now())
            image = await image_data.register(tx, image, ("az2", "b2"), seen, now() + timedelta(0))
            assert (image.status, image.spec["size"]) == ("active", len(DATA))
            await images.delete(tx, image, now())
        await clouds.settle()
        assert clouds.clouds["b2"].count(Kind.IMAGE) == 1
        async with region.read() as tx:
            assert (await usages.limits(tx, "p1"))["images"][1] == 1


async def test_the_longest_unused_copies_go_until_the_rest_fits(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        made = [await clouds.image(DATA) for _ in range(3)]
        for at, image in enumerate(made):
            async with region.write() as tx:
                await realizations.want(tx, Kind.IMAGE, image.id, "b2", now() - timedelta(hours=3 - at))
                await realizations.want(tx, Kind.IMAGE, image.id, "b2", now() - timedelta(hours=3 - at))
        await clouds.settle()
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, made[0].id, "b2", now())
            assert [copy.image_id for copy in await image_copies.there(tx, "b2")] == [
                made[1].id, made[2].id, made[0].id,
            ]  # fmt: skip
            assert await image_copies.shrink(tx, "b2", len(DATA), now()) == [made[1].id, made[2].id]
        await clouds.settle()
        assert clouds.clouds["b2"].count(Kind.IMAGE) == 1
        assert await clouds.bytes_in(made[0], "b2") == DATA


async def test_neither_a_store_nor_what_is_waited_for_goes(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        async with region.write() as tx:
            wanted = {"size": 1, "imageRef": image.id, "availability_zone": "az2"}
            volume = await volume_creates.create(tx, CALLER, wanted, ZONES, now())
            there = await realizations.on_backend(tx, Kind.IMAGE, image.id, "b2")
            assert there is not None
            await leases.save(tx, there, state=State.READY, external_id="x")
            assert await image_copies.shrink(tx, "b2", 0, now()) == []
            assert await image_copies.shrink(tx, "b1", 0, now()) == []
            await leases.save(tx, there, state=State.PENDING, external_id=None)
        await clouds.settle()
        async with region.write() as tx:
            assert await image_copies.shrink(tx, "b2", 0, now()) == [image.id]
            await volumes.update(tx, await volumes.get(tx, volume.id, "p1"), {"name": "renamed"}, now())
        await clouds.settle()
        async with region.read() as tx:
            assert (await volumes.get(tx, volume.id, "p1")).status == "available"
        assert clouds.clouds["b2"].count(Kind.IMAGE) == 0


async def test_a_copy_on_its_way_out_that_is_wanted_again_comes_back(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, image.id, "b2", now())
        await clouds.settle()
        async with region.write() as tx:
            assert await image_copies.drop(tx, "b2", image.id, now())
            [claim] = await leases.claim(tx, "w:1", "b2", now(), timedelta(seconds=9), 1)
        async with region.write() as tx:
            await realizations.want(tx, Kind.IMAGE, image.id, "b2", now())
        async with region.write() as tx:
            await gone(tx, IMAGES, claim.realization, now())
        await clouds.settle()
        assert await clouds.bytes_in(image, "b2") == DATA


async def test_what_was_made_of_an_image_outlives_it(regions: Regions, region: Region) -> None:
    async with opened(regions, region) as clouds:
        image = await clouds.image(DATA)
        async with region.write() as tx:
            wanted = {"size": 1, "imageRef": image.id, "availability_zone": "az1"}
            volume = await volume_creates.create(tx, CALLER, wanted, ZONES, now())
        await clouds.settle()
        async with region.write() as tx:
            await images.delete(tx, await images.visible(tx, image.id, "p1"), now())
            await volumes.update(tx, await volumes.get(tx, volume.id, "p1"), {"name": "renamed"}, now())
        await clouds.settle()
        async with region.read() as tx:
            volume = await volumes.get(tx, volume.id, "p1")
        assert (volume.status, volume.name) == ("available", "renamed")
