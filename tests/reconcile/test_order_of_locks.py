"""A request and a pass that meet at one resource: the second waits for the first, and none has to be ended."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.region.rows import NOON, resource
from vregion.model.observed import Observed
from vregion.model.resource import Kind, Resource
from vregion.reconcile import work
from vregion.reconcile.volumes import RECIPE
from vregion.region import leases, realizations, resources
from vregion.region.regions import Region, Transaction

SEEN = Observed("there", {"status": "available"})


@pytest.mark.parametrize("pass_ends", ["seen", "stop"])
async def test_a_deletion_meets_a_pass(region: Region, pass_ends: str) -> None:
    """PostgreSQL would end one of them, were the pass to take the resource's place before the resource."""
    volume, begun = resource(Kind.VOLUME), asyncio.Event()
    async with region.write() as tx:
        await resources.insert_resource(tx, volume)
        await realizations.want(tx, Kind.VOLUME, volume.id, "b1", NOON)
        (claim,) = await leases.claim(tx, "me", "b1", NOON, timedelta(seconds=60), 10)

    async def delete() -> None:
        async with region.write() as tx:
            await resources.lock(tx, Kind.VOLUME, volume.id)
            begun.set()
            await resources.change(tx, await resources.get(tx, Kind.VOLUME, volume.id), deleting=True)
            await realizations.unwant(tx, Kind.VOLUME, volume.id, NOON)

    async def note(tx: Transaction, volume: Resource, told: object) -> None:
        requests.append(asyncio.create_task(delete()))
        with suppress(TimeoutError):  # it does not begin where it waits for us from the start
            await asyncio.wait_for(begun.wait(), 0.3)
        await resources.change(tx, volume, status="in the pass")

    requests: list[asyncio.Task[None]] = []
    recipe = replace(RECIPE, settled=note, stopped=note)
    if pass_ends == "seen":
        async with region.write() as tx:
            await work.seen(tx, recipe, claim.realization, SEEN, NOON)
    else:
        await work.stop(region, recipe, claim.realization, "no room", NOON)
    await asyncio.gather(*requests)
    async with region.read() as tx:
        found = await resources.get(tx, Kind.VOLUME, volume.id)
        (place,) = await realizations.of_resource(tx, Kind.VOLUME, volume.id)
    assert (found.deleting, found.status, place.wanted) == (True, "in the pass", False)
