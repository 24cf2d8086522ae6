"""Access of projects to private flavors: one row each, given once, whoever asks at the same time."""

import asyncio

import pytest

from tests.unit.compute.test_servers import ME, NOW
from vregion.model.refusals import Conflict, NotFound
from vregion.region import census, flavor_access
from vregion.region.regions import Region

PROJECT = "p" * 32


async def test_a_project_has_what_it_was_given_until_it_is_taken(region: Region) -> None:
    async with region.write() as tx:
        await flavor_access.add(tx, ME, "f1", PROJECT, NOW)
        await flavor_access.add(tx, ME, "f2", PROJECT, NOW)
        await flavor_access.add(tx, ME, "f1", ME.project_id, NOW)
        assert sorted(await flavor_access.projects_of(tx, "f1")) == sorted([PROJECT, ME.project_id])
        assert await flavor_access.flavors_of(tx, PROJECT) == {"f1", "f2"}
        await flavor_access.remove(tx, "f1", PROJECT)
        with pytest.raises(NotFound, match=f"Flavor access not found for f1 / {PROJECT} combination."):
            await flavor_access.remove(tx, "f1", PROJECT)
        assert await flavor_access.projects_of(tx, "f1") == [ME.project_id]
        assert await flavor_access.flavors_of(tx, PROJECT) == {"f2"}
    assert await census.in_region(region) == []


async def test_only_one_of_many_gives_it(region: Region) -> None:
    async def give() -> bool:
        try:
            async with region.write() as tx:
                await flavor_access.add(tx, ME, "f1", PROJECT, NOW)
        except Conflict:
            return False
        return True

    assert sorted(await asyncio.gather(*(give() for _ in range(5)))) == [False] * 4 + [True]
