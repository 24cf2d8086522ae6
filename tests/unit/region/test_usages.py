"""Quota is taken by the transaction that writes the intent, and never oversold."""

import asyncio

import pytest

from vregion.model.refusals import OverQuota
from vregion.region import usages
from vregion.region.regions import Region


async def test_a_hundred_at_once_take_exactly_the_limit(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"instances": 30, "cores": -1})

    async def take() -> bool:
        try:
            async with region.write() as tx:
                await usages.reserve(tx, "p1", {"cores": 2, "instances": 1})
        except OverQuota:
            return False
        return True

    assert sum(await asyncio.gather(*(take() for _ in range(100)))) == 30
    async with region.read() as tx:
        found = await usages.limits(tx, "p1")
    assert found["instances"] == (30, 30)
    assert found["cores"] == (-1, 60)


async def test_what_is_given_back_can_be_taken_again(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"volumes": 1})
        await usages.reserve(tx, "p1", {"volumes": 1})
    with pytest.raises(OverQuota, match="Quota exceeded for volumes"):
        async with region.write() as tx:
            await usages.reserve(tx, "p1", {"volumes": 1})
    async with region.write() as tx:
        await usages.release(tx, "p1", {"volumes": 1})
        await usages.reserve(tx, "p1", {"volumes": 1})


async def test_defaults_hold_until_a_project_has_its_own_limit(region: Region) -> None:
    default = usages.DEFAULT_LIMITS["snapshots"]
    async with region.write() as tx:
        await usages.reserve(tx, "p1", {"snapshots": default})
    with pytest.raises(OverQuota):
        async with region.write() as tx:
            await usages.reserve(tx, "p1", {"snapshots": 1})
    async with region.write() as tx:
        await usages.reserve(tx, "p2", {"snapshots": 1})
        await usages.set_limits(tx, "p1", {"snapshots": default + 1})
        await usages.reserve(tx, "p1", {"snapshots": 1})
        await usages.set_limits(tx, "p1", {"snapshots": None})
        assert (await usages.limits(tx, "p1"))["snapshots"] == (default, default + 1)
