"""Glance's limits of a project's images, on both databases: what counts when, and what is refused in which words."""

import orjson
import pytest

from tests.unit.image.clouds import CALLER, now
from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind, Realization, Resource
from vregion.region import image_data, image_imports, image_limits, images, resources, tasks, usages
from vregion.region.image_imports import COPY, DIRECT, WEB, Import
from vregion.region.regions import Region, Transaction

MIB = 1 << 20
PLACE = ("az1", "one")
FACTS = {"checksum": "c", "os_hash_algo": "sha512", "os_hash_value": "h", "virtual_size": None}


async def fresh(tx: Transaction) -> Resource:
    return await images.create(tx, CALLER, {"name": "i", "disk_format": "raw", "container_format": "bare"}, now())


async def begun(tx: Transaction, size: int | None, status: str = "saving") -> tuple[Resource, Realization]:
    image = await fresh(tx)
    return await image_data.begin_upload(tx, CALLER, image.id, PLACE, now(), status, size)


async def ended(tx: Transaction, upload: tuple[Resource, Realization], size: int) -> Resource:
    image, realization = upload
    assert await image_data.uploaded(tx, image.id, realization, {"size": size, **FACTS}, now())
    return await resources.get(tx, Kind.IMAGE, image.id)


async def used(tx: Transaction) -> list[int]:
    """Size, stage, count, uploading."""
    return [one for _, one in (await image_limits.usage(tx, "p1")).values()]


async def limited(tx: Transaction, **limits: int) -> None:
    await usages.set_limits(tx, "p1", limits)


def wanted(method: str, *zones: str) -> Import:
    return Import(method, "http://x/" if method == WEB else None, [(z, f"zone-{z}") for z in zones], True, {})


async def test_size_counts_once_per_store_and_from_the_beginning_of_an_upload(region: Region) -> None:
    async with region.write() as tx:
        upload = await begun(tx, 3 * MIB)
        assert await used(tx) == [3, 0, 1, 1]
        image = await ended(tx, upload, 3 * MIB)
        assert await used(tx) == [3, 0, 1, 0]
        assert "announced" not in orjson.dumps(orjson.loads(image.document)).decode()
        await images.write(tx, image, now(), spec={**image.spec, images.STORES: {"one": "az1", "two": "az2"}})
        assert await used(tx) == [6, 0, 1, 0]


async def test_an_upload_that_does_not_fit(region: Region) -> None:
    async with region.write() as tx:
        await limited(tx, image_size_total=5)
        await begun(tx, 3 * MIB)
        with pytest.raises(OverQuota) as refused:
            await begun(tx, 3 * MIB)
        assert refused.value.code == 413
        assert refused.value.message.endswith(
            "\n\nThe response body:\nProject p1 is over a limit for "
            "[Resource image_size_total is over limit of 5 due to current usage 3 and delta 3]"
        )
        await begun(tx, 2 * MIB)
        await begun(tx, None)  # nobody knows how large it is


async def test_an_upload_that_failed_takes_nothing(region: Region) -> None:
    async with region.write() as tx:
        await limited(tx, image_size_total=3, image_count_uploading=1)
        image, realization = await begun(tx, 3 * MIB)
        await image_data.upload_failed(tx, image.id, realization, now())
        assert await used(tx) == [0, 0, 1, 0]
        await begun(tx, 3 * MIB)


async def test_no_more_on_their_way_than_the_limit(region: Region) -> None:
    async with region.write() as tx:
        await limited(tx, image_count_uploading=1)
        upload = await begun(tx, MIB)
    with pytest.raises(OverQuota, match="image_count_uploading is over limit of 1 due to current usage 2 and delta 0"):
        async with region.write() as tx:
            await begun(tx, MIB, "uploading")
    async with region.write() as tx:
        await ended(tx, upload, MIB)
        await begun(tx, MIB, "uploading")


async def test_staging_and_what_is_imported_of_it(region: Region) -> None:
    async with region.write() as tx:
        await limited(tx, image_stage_total=4, image_size_total=2)
        staged = await ended(tx, await begun(tx, 3 * MIB, "uploading"), 3 * MIB)
        assert await used(tx) == [0, 3, 1, 1]
        with pytest.raises(OverQuota, match="image_stage_total is over limit of 4 due to current usage 3 and delta 2"):
            await begun(tx, 2 * MIB, "uploading")
        task = await image_imports.begin(tx, CALLER, staged, wanted(DIRECT, "one"), now())
        failed, image = await tasks.get(tx, task.id, now()), await resources.get(tx, Kind.IMAGE, staged.id)
        assert (failed.status, image.status) == ("failure", "queued")
        assert "image_size_total is over limit of 2 due to current usage 0 and delta 3" in failed.spec["message"]
        assert (await used(tx))[:2] == [0, 0]


@pytest.mark.parametrize(("limit", "most"), [("image_stage_total", 4), ("image_count_uploading", 0)])
async def test_a_copy_to_a_further_store_that_does_not_fit(region: Region, limit: str, most: int) -> None:
    async with region.write() as tx:
        image = await ended(tx, await begun(tx, 3 * MIB), 3 * MIB)
        await limited(tx, **{limit: most})
        task = await image_imports.begin(tx, CALLER, image, wanted(COPY, "two"), now())
        assert limit in (await tasks.get(tx, task.id, now())).spec["message"]
        image = await resources.get(tx, Kind.IMAGE, image.id)
        assert (image.status, images.stores(image)) == ("active", {"one": "az1"})
        assert await used(tx) == [3, 0, 1, 0]


async def test_a_download_that_may_not_begin(region: Region) -> None:
    async with region.write() as tx:
        await limited(tx, image_count_uploading=0)
        image = await fresh(tx)
        task = await image_imports.begin(tx, CALLER, image, wanted(WEB, "one"), now())
        assert (await tasks.get(tx, task.id, now())).status == "failure"
        assert (await resources.get(tx, Kind.IMAGE, image.id)).status == "queued"


async def test_nothing_is_imported_once_the_size_is_passed(region: Region) -> None:
    async with region.write() as tx:
        image = await ended(tx, await begun(tx, 3 * MIB), 3 * MIB)
        await limited(tx, image_size_total=2)
        with pytest.raises(OverQuota, match="image_size_total is over limit of 2 due to current usage 3 and delta 0"):
            await image_imports.begin(tx, CALLER, image, wanted(COPY, "two"), now())


async def test_one_image_too_many_in_glances_words(region: Region) -> None:
    async with region.write() as tx:
        await limited(tx, images=1)
        await fresh(tx)
        with pytest.raises(OverQuota, match="image_count_total is over limit of 1 due to current usage 1 and delta 1"):
            await fresh(tx)


async def test_limits_of_the_region_and_of_one_project(region: Region) -> None:
    async with region.write() as tx:
        assert await image_limits.set_limits(tx, "", {"image_size_total": 9, "image_count_total": 2}) == {
            "image_size_total": 9,
            "image_stage_total": -1,
            "image_count_total": 2,
            "image_count_uploading": -1,
        }
        assert (await image_limits.set_limits(tx, "p1", {"image_size_total": 4}))["image_size_total"] == 4
        assert [limit for limit, _ in (await image_limits.usage(tx, "p1")).values()] == [4, -1, 2, -1]
        assert [limit for limit, _ in (await image_limits.usage(tx, "p2")).values()] == [9, -1, 2, -1]
