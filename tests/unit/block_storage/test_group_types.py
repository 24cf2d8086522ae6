"""Group types of the tenant's admin: names, who sees them, when they go, and what they cannot promise."""

import asyncio
from typing import Any

import pytest

from tests.unit.image.clouds import CALLER, ZONES, now
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound
from vregion.region import census, group_types, groups
from vregion.region.regions import Region, Transaction


async def made(tx: Transaction, **more: Any) -> group_types.Type:
    wanted: dict[str, Any] = {"name": "gold", "description": None, "is_public": True, "group_specs": {}}
    return await group_types.create(tx, CALLER, wanted | more, now())


async def names(tx: Transaction, *, is_public: bool | None) -> list[str]:
    return [one["name"] for one in await group_types.listed(tx, is_public=is_public)]


async def test_a_private_one_is_the_admins(region: Region) -> None:
    async with region.write() as tx:
        await made(tx)
        hidden = await made(tx, name="hidden", is_public=False)
        assert await names(tx, is_public=True) == ["gold", "default"]
        assert await names(tx, is_public=False) == ["hidden"]
        assert sorted(await names(tx, is_public=None)) == ["default", "gold", "hidden"]
        for named in ("hidden", hidden["id"]):
            assert (await group_types.find(tx, named, private=True))["id"] == hidden["id"]
            with pytest.raises(NotFound):
                await group_types.find(tx, named, private=False)
    assert await census.in_region(region) == [], "a type holds no region back"


async def test_a_name_is_one_types(region: Region) -> None:
    async with region.write() as tx:
        gold, other = await made(tx), await made(tx, name="other")
        for name in ("gold", "default"):
            with pytest.raises(Conflict):
                await made(tx, name=name)
        with pytest.raises(Conflict):
            await group_types.update(tx, other["id"], {"name": "gold"}, now())
        with pytest.raises(Invalid):
            await made(tx, name=group_types.OF_CONSISTENCY_GROUPS)
        changed = await group_types.update(tx, gold["id"], {"name": "gold", "description": "fine"}, now())
        assert (changed["name"], changed["description"], changed["is_public"]) == ("gold", "fine", True)


@pytest.mark.parametrize("renamed", [False, True])
async def test_a_name_that_is_being_taken_is_waited_for(region: Region, renamed: bool) -> None:
    async with region.write() as tx:
        other = await made(tx, name="other")

    async def take() -> None:
        async with region.write() as tx:
            if renamed:
                await group_types.update(tx, other["id"], {"name": "gold"}, now())
            else:
                await made(tx)

    async with region.write() as tx:
        await made(tx)
        second = asyncio.create_task(take())
        await asyncio.wait({second}, timeout=0.5)
    with pytest.raises(Conflict):
        await second
    async with region.read() as tx:
        assert (await names(tx, is_public=True)).count("gold") == 1


async def test_one_in_use_stays(region: Region) -> None:
    async with region.write() as tx:
        gold = await made(tx)
        wanted = {"name": "g", "description": None, "group_type": "gold", "volume_types": ["default"]}
        group = await groups.create(tx, CALLER, wanted, ZONES, now())
        assert group.spec["group_type"] == gold["id"]
        with pytest.raises(Invalid, match="still in use"):
            await group_types.delete(tx, gold["id"])
        await groups.delete(tx, group, now(), with_volumes=False)
        await group_types.delete(tx, gold["id"])
        with pytest.raises(NotFound):
            await group_types.delete(tx, gold["id"])
        with pytest.raises(Forbidden):
            await group_types.delete(tx, group_types.ID)


async def test_a_promise_that_no_zone_keeps_makes_no_group(region: Region) -> None:
    async with region.write() as tx:
        gold = await made(tx, group_specs={"consistent_group_snapshot_enabled": "<is> False"})
        wanted = {"name": "g", "description": None, "group_type": gold["id"], "volume_types": ["default"]}
        await groups.create(tx, CALLER, wanted, ZONES, now())
        await group_types.set_specs(tx, gold["id"], {"group_replication_enabled": "<is> True"}, now())
        with pytest.raises(Invalid, match="group_replication_enabled"):
            await groups.create(tx, CALLER, wanted, ZONES, now())
        await group_types.remove_spec(tx, gold["id"], "group_replication_enabled", now())
        await groups.create(tx, CALLER, wanted, ZONES, now())
        with pytest.raises(NotFound, match="no specs with key"):
            await group_types.remove_spec(tx, gold["id"], "group_replication_enabled", now())
