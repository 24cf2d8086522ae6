"""A hundred servers, volumes of a type, or uploads asked for at once by four processes: as many begin as fit, on either
database.
"""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from vregion.model.backend import Binding, VolumeType
from vregion.model.caller import Caller
from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind
from vregion.region import (
    image_data,
    image_limits,
    images,
    resources,
    server_boots,
    usages,
    volume_creates,
    volume_type_limits,
    volume_types,
)
from vregion.region.regions import Region, Regions
from vregion.region.resources import Query
from vregion.region.server_boots import Boot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ME = Caller("user", "project", "domain", "region", frozenset({"member"}), "req-1")
ZONES = (Binding("b1", "region", "az1", "one", "enabled", True, (VolumeType("fast"),)),)
FLAVOR = {"vcpus": 2, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "two", "extra_specs": {}}
PROCESSES, EACH = 4, 25
LONG = 400  # seconds: a machine that others use, too, takes a minute to start them
_start: Barrier


def enter(barrier: Barrier) -> None:
    """In each process, once."""
    global _start
    _start = barrier


def boot_many(database_url: str, folder: Path, region_id: str, image_id: str) -> int:
    """How many of its servers a process got."""
    return asyncio.run(_boot_many(Regions(database_url, folder), region_id, image_id))


async def _boot_many(regions: Regions, region_id: str, image_id: str) -> int:
    await regions.prepare()
    region = await regions.open(region_id)
    server = {"name": "s", "networks": "none", "adminPass": "secret", "imageRef": image_id}

    async def one() -> bool:
        try:
            async with region.write() as tx:
                url = "http://api/compute/v2.1"
                await server_boots.boot(tx, Boot(ME, server, {}, "1", FLAVOR, ZONES, frozenset({"one"}), url, NOW))
        except OverQuota:
            return False
        return True

    return await _all_at_once(regions, one)


def create_many(database_url: str, folder: Path, region_id: str) -> int:
    """How many of its volumes of a type a process got."""
    return asyncio.run(_create_many(Regions(database_url, folder), region_id))


async def _create_many(regions: Regions, region_id: str) -> int:
    await regions.prepare()
    region = await regions.open(region_id)

    async def one() -> bool:
        try:
            async with region.write() as tx:
                await volume_creates.create(tx, ME, {"size": 1, "volume_type": "fast"}, ZONES, NOW)
        except OverQuota:
            return False
        return True

    return await _all_at_once(regions, one)


def upload_many(database_url: str, folder: Path, region_id: str) -> int:
    """How many of its uploads, of one MiB each, a process could begin."""
    return asyncio.run(_upload_many(Regions(database_url, folder), region_id))


async def _upload_many(regions: Regions, region_id: str) -> int:
    await regions.prepare()
    region = await regions.open(region_id)
    wanted = {"name": "i", "disk_format": "raw", "container_format": "bare"}

    async def one() -> bool:
        async with region.write() as tx:
            image = await images.create(tx, ME, wanted, NOW)
        try:
            async with region.write() as tx:
                await image_data.begin_upload(tx, ME, image.id, ("az1", "one"), NOW, size=1 << 20)
        except OverQuota:
            return False
        return True

    return await _all_at_once(regions, one)


async def _all_at_once(regions: Regions, one: Callable[[], Awaitable[bool]]) -> int:
    _start.wait(LONG)
    got = sum(await asyncio.gather(*(one() for _ in range(EACH))))
    await regions.close()
    return got


@pytest.mark.parametrize("whose", ["the project's", "the user's"])
async def test_never_one_too_many(region: Region, database_url: str, tmp_path: Path, whose: str) -> None:
    async with region.write() as tx:
        image = await images.create(tx, ME, {"name": "i", "disk_format": "raw", "container_format": "bare"}, NOW)
        await images.write(tx, image, NOW, spec={**image.spec, "size": 1}, status="active")
        if whose == "the project's":
            await usages.set_limits(tx, ME.project_id, {"instances": 30})
        else:
            await usages.set_limits_of(tx, ME.project_id, ME.user_id, {"cores": 61})
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, enter, (spawn.Barrier(PROCESSES),)) as pool:
        asked = [pool.submit(boot_many, database_url, tmp_path, region.id, image.id) for _ in range(PROCESSES)]
        got = await asyncio.to_thread(lambda: [one.result(LONG) for one in asked])
    assert sum(got) == 30
    assert sum(map(bool, got)) > 1, "one process took all: they did not run at once"
    async with region.read() as tx:
        assert await resources.count(tx, Query(Kind.SERVER, ME.project_id)) == 30
        known = await usages.limits(tx, ME.project_id)
    assert [known[name][1] for name in ("instances", "cores", "ram")] == [30, 60, 30 * 512]


async def test_never_a_volume_of_a_type_too_many(region: Region, database_url: str, tmp_path: Path) -> None:
    limit = volume_type_limits.key("volumes", volume_types.find(ZONES, "fast")["id"])
    async with region.write() as tx:
        await usages.set_limits(tx, ME.project_id, {limit: 30})
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, enter, (spawn.Barrier(PROCESSES),)) as pool:
        asked = [pool.submit(create_many, database_url, tmp_path, region.id) for _ in range(PROCESSES)]
        got = await asyncio.to_thread(lambda: [one.result(LONG) for one in asked])
    assert sum(got) == 30
    assert sum(map(bool, got)) > 1, "one process took all: they did not run at once"
    async with region.read() as tx:
        assert await resources.count(tx, Query(Kind.VOLUME, ME.project_id)) == 30
        assert (await volume_type_limits.used(tx, ME.project_id))[limit] == 30
        assert (await usages.limits(tx, ME.project_id))["gigabytes"][1] == 30


@pytest.mark.parametrize("limit", ["image_size_total", "image_count_uploading"])
async def test_never_an_upload_too_many(region: Region, database_url: str, tmp_path: Path, limit: str) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, ME.project_id, {limit: 30})
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, enter, (spawn.Barrier(PROCESSES),)) as pool:
        asked = [pool.submit(upload_many, database_url, tmp_path, region.id) for _ in range(PROCESSES)]
        got = await asyncio.to_thread(lambda: [one.result(LONG) for one in asked])
    assert sum(got) == 30
    assert sum(map(bool, got)) > 1, "one process took all: they did not run at once"
    async with region.read() as tx:
        known = await image_limits.usage(tx, ME.project_id)
        assert (known[limit], known["image_count_total"][1]) == ((30, 30), PROCESSES * EACH)
