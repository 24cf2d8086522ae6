"""Namespaces of metadata definitions: who sees which, and what a write leaves of the others' parts."""

import asyncio

import pytest

from tests.unit.image.clouds import CALLER, STRANGER, now
from vregion.model.refusals import Conflict, Forbidden, NotFound
from vregion.region import metadefs
from vregion.region.regions import Region


@pytest.mark.parametrize(("visibility", "seen"), [("private", False), ("public", True)])
async def test_what_another_project_sees(region: Region, visibility: str, seen: bool) -> None:
    async with region.write() as tx:
        await metadefs.create(tx, CALLER, {"namespace": "n", "visibility": visibility}, now())
    async with region.read() as tx:
        assert (await metadefs.find(tx, STRANGER, "n") is not None) is seen
        assert await metadefs.find(tx, CALLER, "n") is not None


async def test_parts_that_come_at_once_are_all_there(region: Region) -> None:
    async with region.write() as tx:
        await metadefs.create(tx, CALLER, {"namespace": "n"}, now())

    async def add(name: str) -> None:
        async with region.write() as tx:
            namespace = await metadefs.hold(tx, CALLER, "n")
            await metadefs.put(tx, namespace, metadefs.TAGS, name, {"name": name}, now())

    await asyncio.gather(*(add(f"t{i}") for i in range(20)))
    async with region.read() as tx:
        namespace = await metadefs.get(tx, CALLER, "n")
    assert sorted(namespace.spec[metadefs.TAGS]) == sorted(f"t{i}" for i in range(20))


async def test_only_one_of_many_takes_a_name(region: Region) -> None:
    async def take() -> bool:
        try:
            async with region.write() as tx:
                await metadefs.create(tx, CALLER, {"namespace": "n"}, now())
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(take() for _ in range(5)))) == 1


async def test_a_new_name_keeps_the_parts_and_a_taken_one_is_refused(region: Region) -> None:
    async with region.write() as tx:
        wanted = {"namespace": "a", "tags": [{"name": "t"}], "protected": True}
        made = await metadefs.create(tx, CALLER, wanted, now())
        await metadefs.create(tx, CALLER, {"namespace": "b"}, now())
        with pytest.raises(Forbidden, match="is protected"):
            await metadefs.delete(tx, made)
        with pytest.raises(Conflict, match="duplicate"):
            await metadefs.update(tx, CALLER, made, {"namespace": "b"}, now())
        made = await metadefs.update(tx, CALLER, made, {"namespace": "c"}, now())
        assert (made.spec["protected"], list(made.spec[metadefs.TAGS])) == (False, ["t"])
        with pytest.raises(NotFound):
            await metadefs.get(tx, CALLER, "a")
        await metadefs.delete(tx, await metadefs.get(tx, CALLER, "c"))


async def test_a_resource_type_stays_known(region: Region) -> None:
    async with region.write() as tx:
        made = await metadefs.create(
            tx, CALLER, {"namespace": "n", "resource_type_associations": [{"name": "OS::Glance::Image"}]}, now()
        )
        await metadefs.delete(tx, made)
        assert [kind.id for kind in await metadefs.resource_types(tx)] == ["OS::Glance::Image"]
