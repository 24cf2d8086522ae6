"""Who sees which image, and what may be done to it."""

import pytest

from tests.unit.image.clouds import CALLER, STRANGER, now
from vregion.model.refusals import Forbidden, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind
from vregion.region import image_members, images, resources, usages
from vregion.region.regions import Region
from vregion.region.resources import Query


async def names_of(region: Region, visibility: str | None = None, member_status: str = "accepted") -> list[str]:
    """What the stranger's list has."""
    async with region.read() as tx:
        shared = images.listed_for("p2", visibility, member_status)
        query = Query(Kind.IMAGE, "p2", (), (("name", True),), None, None, shared)
        return [image.name for image in await resources.list_resources(tx, query)]


@pytest.mark.parametrize(
    ("visibility", "listed", "shown"),
    [("private", False, False), ("shared", False, False), ("community", False, True), ("public", True, True)],
)
async def test_what_a_stranger_sees(region: Region, visibility: str, listed: bool, shown: bool) -> None:
    async with region.write() as tx:
        image = await images.create(tx, CALLER, {"name": "one", "visibility": visibility}, now())
    assert (await names_of(region) == ["one"]) is listed
    async with region.read() as tx:
        if not shown:
            with pytest.raises(NotFound):
                await images.visible(tx, image.id, "p2")
            return
        assert (await images.visible(tx, image.id, "p2")).id == image.id
    async with region.write() as tx:
        with pytest.raises(Forbidden):
            await images.own(tx, STRANGER, image.id, "delete_image")


async def test_a_member_sees_it_at_once_and_lists_it_when_it_accepted(region: Region) -> None:
    async with region.write() as tx:
        image = await images.create(tx, CALLER, {"name": "one"}, now())
        await image_members.add(tx, image, "p2", now())
    assert await names_of(region) == []
    assert await names_of(region, member_status="pending") == ["one"]
    async with region.write() as tx:
        image = await images.visible(tx, image.id, "p2")
        await image_members.set_status(tx, image, "p2", "accepted", now())
    assert await names_of(region) == ["one"]
    async with region.write() as tx:
        image = await images.visible(tx, image.id, "p1")
        await images.update(tx, image, {**image.spec, "visibility": "private"}, now())
    assert await names_of(region) == []


async def test_only_an_active_image_boots(region: Region) -> None:
    async with region.write() as tx:
        image = await images.create(tx, CALLER, {"name": "one"}, now())
        with pytest.raises(Invalid, match="is not active"):
            await images.bootable(tx, image.id, "p1")
        with pytest.raises(Invalid, match="Can not find requested image"):
            await images.bootable(tx, image.id, "p2")


async def test_the_quota_of_images_is_exact(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"images": 1})
        image = await images.create(tx, CALLER, {"name": "one"}, now())
        with pytest.raises(OverQuota) as refused:
            await images.create(tx, CALLER, {"name": "two"}, now())
        assert refused.value.code == 413
        await images.delete(tx, image, now())
        await images.create(tx, CALLER, {"name": "three"}, now())
