"""Imports and copies of images over two zones: the worker killed at every await, zones that die, webs that fail."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.reconcile.world import World
from tests.unit.network.network_rows import caller
from vregion.drivers.contract import Permanent
from vregion.drivers.web import Web
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import (
    image_copies,
    image_data,
    image_imports,
    images,
    leases,
    realizations,
    tasks,
    usages,
    volume_creates,
)
from vregion.region.image_imports import COPY, DIRECT, FAILED, IMPORTING, WEB, Import

DATA = b"vregion!" * 1000
WHO = caller("p1", "member")
BOTH = (("b1", "az1"), ("b2", "az2"))
DOWNLOAD, MOVE, FAILURE, CEILING = 45, 36, 28, 90  # points, and some beyond


@dataclass(frozen=True, slots=True)
class Page(Web):
    """A web with one image, or with none. `asked` counts."""

    trouble: str = ""
    asked: list[str] = field(default_factory=list)

    async def read(self, url: str) -> AsyncIterator[bytes]:
        self.asked.append(url)
        for at in range(0, len(DATA), 1000):
            if self.trouble and at == 3000:
                raise Permanent(self.trouble)
            yield DATA[at : at + 1000]


class Images(World):
    """`web` is read by every worker; `gib` is the ceiling of copies."""

    web = Page()
    ceiling = -1

    async def _open(self) -> None:
        await super()._open()
        self.loop.web, self.loop.copies_gib = self.web, self.ceiling

    async def queued(self) -> Resource:
        async with self.region.write() as tx:
            wanted = {"name": "i", "disk_format": "raw", "container_format": "bare"}
            return await images.create(tx, WHO, wanted, self.clock.now)

    async def staged(self) -> Resource:
        """As the API does it."""
        image = await self.queued()
        async with self.region.write() as tx:
            image, there = await image_data.begin_upload(
                tx, WHO, image.id, ("az1", "b1"), self.clock.now, status="uploading"
            )
        driver = (await self.backends.open(self.region_id, "b1")).driver
        seen = await driver.collections[Kind.IMAGE].create(image.id, images.record(image))
        await driver.upload(seen.external_id, Page().read(""), None)
        seen = await driver.collections[Kind.IMAGE].get(seen.external_id)
        async with self.region.write() as tx:
            await leases.save(tx, there, external_id=seen.external_id)
            facts = {name: seen.document[name] for name in images.FACTS}
            assert await image_data.uploaded(tx, image.id, there, facts, self.clock.now)
        return await self.now(image)

    async def begin(self, image: Resource, method: str, targets: Sequence[tuple[str, str]], **more: Any) -> Resource:
        """An import; its task."""
        wanted = Import(method, "http://images/one", targets, more.get("all", True), {"method": {"name": method}})
        async with self.region.write() as tx:
            return await image_imports.begin(tx, WHO, image, wanted, self.clock.now)

    async def now(self, image: Resource) -> Resource:
        async with self.region.read() as tx:
            return await images.visible(tx, image.id, "p1")

    async def task(self, task: Resource) -> Resource:
        async with self.region.read() as tx:
            return await tasks.get(tx, task.id, self.clock.now - timedelta(days=3))

    async def copies(self, image: Resource, records: int = 1) -> dict[str, bytes]:
        """Backend -> bytes of those that have the image ready; each of them has so many records in all."""
        found = {}
        async with self.region.read() as tx:
            for there in await realizations.of_resource(tx, Kind.IMAGE, image.id):
                if there.state is State.READY:
                    driver = (await self.backends.open(self.region_id, there.backend_id)).driver
                    chunks = driver.download(str(there.external_id))
                    found[there.backend_id] = b"".join([chunk async for chunk in chunks])
        assert [self.clouds[b].count(Kind.IMAGE, "project") for b in found] == [records] * len(found)
        return found


async def test_a_download_goes_to_one_zone_and_from_there_to_the_other(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        image = await world.queued()
        task = await world.begin(image, WEB, BOTH)
        assert ((await world.now(image)).status, (await world.now(image)).spec[IMPORTING]) == ("importing", "az1,az2")
        world.web.asked.clear()
        await world.turn()
        image = await world.now(image)
        assert (image.status, images.stores(image)) == ("active", {"b1": "az1", "b2": "az2"})
        assert image.spec["checksum"] == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
        assert await world.copies(image) == {"b1": DATA, "b2": DATA}
        assert world.web.asked == ["http://images/one"]
        assert (await world.task(task)).status == "success"
        assert (image.spec[IMPORTING], image.spec[FAILED]) == ("", "")


async def test_a_web_that_fails_leaves_a_queued_image_and_says_why(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        world.web = Page(trouble="http://images/one answers 404")
        world.loop.web = world.web
        image = await world.queued()
        task = await world.begin(image, WEB, BOTH[:1])
        await world.turn()
        image, task = await world.now(image), await world.task(task)
        assert (image.status, image.spec[FAILED], image.spec["size"]) == ("queued", "az1", None)
        assert (task.status, task.spec["message"]) == ("failure", "http://images/one answers 404")
        assert world.cloud.count(Kind.IMAGE) == 0
        world.loop.web = Page()
        await world.begin(image, WEB, BOTH[:1])
        await world.turn()
        assert (await world.now(image)).status == "active"


async def test_what_is_staged_is_the_images_at_once_where_it_lies(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        image = await world.staged()
        assert (image.status, image.spec["size"], image.spec["checksum"]) == ("uploading", len(DATA), None)
        await world.begin(image, DIRECT, BOTH[:1])
        image = await world.now(image)
        assert (image.status, images.stores(image)) == ("active", {"b1": "az1"})
        await world.turn()
        assert await world.copies(image) == {"b1": DATA}


async def test_what_is_staged_goes_elsewhere_and_leaves(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        image = await world.staged()
        await world.begin(image, DIRECT, BOTH[1:])
        assert (await world.now(image)).status == "importing"
        await world.turn()
        image = await world.now(image)
        assert (image.status, images.stores(image), image.backend_id) == ("active", {"b2": "az2"}, "b2")
        assert await world.copies(image) == {"b2": DATA}
        assert world.cloud.count(Kind.IMAGE) == 0


async def test_a_dead_zone_is_waited_for_or_not_as_asked(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        world.clouds["b2"].faults.down = True
        patient, hasty = await world.queued(), await world.queued()
        await world.begin(patient, WEB, BOTH)
        await world.begin(hasty, WEB, BOTH, all=False)
        await world.turn(timedelta(minutes=5))
        assert (await world.now(patient)).status == "importing"
        assert (await world.now(hasty)).status == "active"
        assert (await world.now(hasty)).spec[IMPORTING] == "az2"
        world.clouds["b2"].faults.down = False
        await world.turn()
        for image in (patient, hasty):
            assert images.stores(await world.now(image)) == {"b1": "az1", "b2": "az2"}


async def test_an_image_that_is_deleted_meanwhile_ends_its_task(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        image = await world.queued()
        task = await world.begin(image, WEB, BOTH)
        async with world.region.write() as tx:
            await images.delete(tx, await images.visible(tx, image.id, "p1"), world.clock.now)
        await world.turn()
        assert (await world.task(task)).status == "failure"
        assert not any(cloud.count(Kind.IMAGE) for cloud in world.clouds.values())
        async with world.region.read() as tx:
            assert (await usages.limits(tx, "p1"))["images"][1] == 0


@pytest.mark.parametrize("point", range(DOWNLOAD))
async def test_killed_anywhere_a_download_ends_once(tmp_path: Path, point: int) -> None:
    async with Images(tmp_path, RECIPES) as world:
        image = await world.queued()
        task = await world.begin(image, WEB, BOTH)
        await world.die_at(point)
        image = await world.now(image)
        assert (image.status, images.stores(image)) == ("active", {"b1": "az1", "b2": "az2"})
        assert await world.copies(image) == {"b1": DATA, "b2": DATA}
        assert (await world.task(task)).status == "success"
        assert image.spec["checksum"] == hashlib.md5(DATA, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("point", range(MOVE))
async def test_killed_anywhere_a_staged_image_moves_once(tmp_path: Path, point: int) -> None:
    async with Images(tmp_path, RECIPES) as world:
        image = await world.staged()
        await world.begin(image, DIRECT, BOTH[1:])
        await world.die_at(point)
        image = await world.now(image)
        assert (image.status, images.stores(image)) == ("active", {"b2": "az2"})
        assert await world.copies(image) == {"b2": DATA}
        assert world.cloud.count(Kind.IMAGE) == 0


@pytest.mark.parametrize("point", range(FAILURE))
async def test_killed_anywhere_a_failed_download_leaves_nothing(tmp_path: Path, point: int) -> None:
    async with Images(tmp_path, RECIPES) as world:
        world.web = world.loop.web = Page(trouble="gone")
        image = await world.queued()
        task = await world.begin(image, WEB, BOTH)
        await world.die_at(point)
        assert (await world.now(image)).status == "queued"
        assert (await world.task(task)).status == "failure"
        assert not any(cloud.count(Kind.IMAGE) for cloud in world.clouds.values())


@pytest.mark.parametrize("point", range(0, CEILING, 2))
async def test_killed_anywhere_a_copy_over_the_ceiling_goes_and_comes_back(tmp_path: Path, point: int) -> None:
    """Two volumes in az2 of two images that az1 has: with no room for copies, each goes once its volume is made."""
    async with Images(tmp_path, RECIPES) as world:
        first, second = await uploaded(world), await uploaded(world)
        world.ceiling = world.loop.copies_gib = 0
        for image in (first, second):
            await volume_of(world, image)
        await world.die_at(point)
        async with world.region.write() as tx:
            await image_copies.shrink(tx, "b2", 0, world.clock.now)
        await world.turn()
        assert world.clouds["b2"].count(Kind.VOLUME) == 2
        assert world.clouds["b2"].count(Kind.IMAGE) == 0
        assert [await world.copies(i, records=2) for i in (first, second)] == [{"b1": DATA}, {"b1": DATA}]
        await volume_of(world, first)
        await world.turn()
        assert world.clouds["b2"].count(Kind.VOLUME) == 3


async def test_the_points_reach_beyond_the_flows(tmp_path: Path) -> None:
    async with Images(tmp_path, RECIPES) as world:
        await world.begin(await world.queued(), WEB, BOTH)
        assert not await world.die_at(DOWNLOAD - 1)
        await world.begin(await world.staged(), DIRECT, BOTH[1:])
        assert not await world.die_at(MOVE - 1)
        world.web = world.loop.web = Page(trouble="gone")
        await world.begin(await world.queued(), WEB, BOTH)
        assert not await world.die_at(FAILURE - 1)


async def uploaded(world: Images) -> Resource:
    image = await world.staged()
    await world.begin(image, DIRECT, BOTH[:1])
    return await world.now(image)


async def volume_of(world: Images, image: Resource) -> Resource:
    async with world.region.write() as tx:
        wanted = {"size": 1, "imageRef": image.id, "availability_zone": "az2"}
        zones = [world.binding("b1"), world.binding("b2")]
        return await volume_creates.create(tx, WHO, wanted, zones, world.clock.now)


async def test_a_copy_is_done_where_there_is_one(tmp_path: Path) -> None:
    """A copy that a volume brought becomes a store by an import, and is kept then."""
    async with Images(tmp_path, RECIPES) as world:
        image = await uploaded(world)
        await volume_of(world, image)
        await world.turn()
        assert images.stores(await world.now(image)) == {"b1": "az1"}
        await world.begin(await world.now(image), COPY, BOTH[1:])
        assert images.stores(await world.now(image)) == {"b1": "az1", "b2": "az2"}
        async with world.region.write() as tx:
            assert await image_copies.shrink(tx, "b2", 0, world.clock.now) == []
