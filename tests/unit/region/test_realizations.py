"""What is wanted where: closure of needs, claims under leases, fences, waking."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.region.rows import NOON, resource
from vregion.model.resource import Kind, Resource, State
from vregion.region import leases, realizations, resources
from vregion.region.leases import Claim, LeaseLost
from vregion.region.regions import Region

LEASE = timedelta(seconds=60)


async def written(region: Region) -> tuple[Resource, Resource, Resource]:
    """A snapshot that needs a volume that needs an image, wanted on backend b1."""
    image, volume, snapshot = (resource(k) for k in (Kind.IMAGE, Kind.VOLUME, Kind.SNAPSHOT))
    async with region.write() as tx:
        await resources.insert_resources(tx, [image, volume, snapshot])
        await realizations.need(tx, volume, [(Kind.IMAGE, image.id)])
        await realizations.need(tx, snapshot, [(Kind.VOLUME, volume.id)])
        await realizations.want(tx, Kind.SNAPSHOT, snapshot.id, "b1", NOON)
    return image, volume, snapshot


async def claimed(region: Region, seconds: int = 0, limit: int = 10) -> dict[str, Claim]:
    async with region.write() as tx:
        claims = await leases.claim(tx, "me", "b1", NOON + timedelta(seconds=seconds), LEASE, limit)
    return {c.realization.resource_id: c for c in claims}


async def test_wanting_one_wants_all_that_it_needs(region: Region) -> None:
    image, volume, snapshot = await written(region)
    assert set(await claimed(region)) == {image.id, volume.id, snapshot.id}


async def test_wanting_twice_is_once(region: Region) -> None:
    image, volume, snapshot = await written(region)
    async with region.write() as tx:
        await realizations.want(tx, Kind.VOLUME, volume.id, "b1", NOON)
        assert len(await realizations.of_resource(tx, Kind.IMAGE, image.id)) == 1
        await realizations.want(tx, Kind.VOLUME, volume.id, "b2", NOON)
        assert {r.backend_id for r in await realizations.of_resource(tx, Kind.IMAGE, image.id)} == {"b1", "b2"}
        assert len(await realizations.of_resource(tx, Kind.SNAPSHOT, snapshot.id)) == 1


async def test_a_claim_excludes_others_until_the_lease_ends(region: Region) -> None:
    _, volume, _ = await written(region)
    first = (await claimed(region))[volume.id]
    assert await claimed(region, seconds=59) == {}
    second = (await claimed(region, seconds=61))[volume.id]
    assert second.realization.fence == first.realization.fence + 1
    async with region.write() as tx:
        await leases.save(tx, second.realization, state=State.CREATING)
    with pytest.raises(LeaseLost):
        async with region.write() as tx:
            await leases.save(tx, first.realization, external_id="late")


async def test_limit_and_busy_backends(region: Region) -> None:
    await written(region)
    async with region.read() as tx:
        assert await leases.due_backends(tx, NOON, ["b1"]) == []
        assert await leases.due_backends(tx, NOON - timedelta(seconds=1)) == []
        assert await leases.due_backends(tx, NOON, ["b2"]) == ["b1"]
    assert len(await claimed(region, limit=2)) == 2


async def test_a_look_asked_for_during_the_work_is_not_lost(region: Region) -> None:
    _, volume, _ = await written(region)
    claim = (await claimed(region))[volume.id]
    asked = NOON + timedelta(seconds=5)
    async with region.write() as tx:
        await realizations.unwant(tx, Kind.VOLUME, volume.id, asked)
    async with region.write() as tx:
        await leases.finish(tx, claim.realization, None, state=State.READY)
    again = (await claimed(region, seconds=6))[volume.id]
    assert not again.realization.wanted


async def test_a_finished_one_rests(region: Region) -> None:
    _, volume, _ = await written(region)
    claim = (await claimed(region))[volume.id]
    async with region.write() as tx:
        await leases.finish(tx, claim.realization, None, state=State.READY)
    assert volume.id not in await claimed(region, seconds=3600)


async def test_who_waits_is_woken(region: Region) -> None:
    image, volume, _ = await written(region)
    claims = await claimed(region)
    async with region.write() as tx:
        await leases.park(tx, claims[volume.id].realization, (Kind.IMAGE, image.id), NOON, timedelta(seconds=3600))
    assert volume.id not in await claimed(region, seconds=61)
    async with region.write() as tx:
        await realizations.wake(tx, claims[image.id].realization, NOON)
    assert volume.id in await claimed(region, seconds=62)


async def test_parking_on_something_that_has_arrived_is_due_at_once(region: Region) -> None:
    image, volume, _ = await written(region)
    claims = await claimed(region)
    async with region.write() as tx:
        await leases.finish(tx, claims[image.id].realization, None, state=State.READY, external_id="e")
        await leases.park(tx, claims[volume.id].realization, (Kind.IMAGE, image.id), NOON, timedelta(seconds=3600))
        assert await leases.next_due(tx) is not None
        assert await realizations.external_ids(tx, "b1", [(Kind.IMAGE, image.id), (Kind.VOLUME, volume.id)]) == {
            (Kind.IMAGE, image.id): "e"
        }
    assert volume.id in await claimed(region, seconds=1)


async def test_dropping_tells_the_last_one(region: Region) -> None:
    _, volume, _ = await written(region)
    async with region.write() as tx:
        await realizations.want(tx, Kind.VOLUME, volume.id, "b2", NOON)
        claims = [c for b in ("b1", "b2") for c in await leases.claim(tx, "me", b, NOON, LEASE, 10)]
        volumes = [c.realization for c in claims if c.realization.resource_id == volume.id]
        assert [await leases.drop(tx, r) for r in volumes] == [False, True]


async def test_wanted_again_on_its_way_out(region: Region) -> None:
    """Before its pass ends, it stays and is made anew; nobody takes it for there meanwhile; its fence still counts."""
    _, volume, snapshot = await written(region)
    async with region.write() as tx:
        claims = await leases.claim(tx, "me", "b1", NOON, LEASE, 10)
        (mine,) = [c.realization for c in claims if c.realization.resource_id == volume.id]
        mine = await leases.save(tx, mine, external_id="e", state=State.READY)
        await realizations.unwant(tx, Kind.VOLUME, volume.id, NOON)
        assert not await leases.wanted_again(tx, mine)
        await realizations.want(tx, Kind.SNAPSHOT, snapshot.id, "b1", NOON)  # which needs the volume
        seen = await realizations.on_backend(tx, Kind.VOLUME, volume.id, "b1")
        assert seen is not None
        assert (seen.wanted, seen.state, seen.external_id) == (True, State.DELETING, "e")
        assert not await leases.wanted_again(tx, replace(mine, fence=mine.fence - 1))
        assert await leases.wanted_again(tx, mine)
        seen = await realizations.on_backend(tx, Kind.VOLUME, volume.id, "b1")
        assert seen is not None
        assert (seen.wanted, seen.state, seen.external_id) == (True, State.PENDING, None)
        await realizations.want(tx, Kind.VOLUME, volume.id, "b1", NOON)  # what is wanted already is left alone
        assert await realizations.on_backend(tx, Kind.VOLUME, volume.id, "b1") == seen


async def test_the_second_of_two_that_let_go_is_the_last(region: Region) -> None:
    _, volume, _ = await written(region)
    async with region.write() as tx:
        await realizations.want(tx, Kind.VOLUME, volume.id, "b2", NOON)
        claims = [c for b in ("b1", "b2") for c in await leases.claim(tx, "me", b, NOON, LEASE, 10)]
        volumes = [c.realization for c in claims if c.realization.resource_id == volume.id]
        assert [await leases.last_to_go(tx, r) for r in volumes] == [False, True]
        assert [await leases.last_to_go(tx, r) for r in volumes] == [True, True]  # asked again after a crash


async def test_next_due_counts_leases_and_skips_busy_backends(region: Region) -> None:
    await written(region)
    async with region.read() as tx:
        assert await leases.next_due(tx) == NOON
        assert await leases.next_due(tx, ["b1"]) is None
    await claimed(region)
    async with region.read() as tx:
        assert await leases.next_due(tx) == NOON + LEASE


async def test_all_of_a_kind_are_due_but_none_later_than_it_was(region: Region) -> None:
    image, volume, _ = await written(region)
    claims, later = await claimed(region), NOON + timedelta(seconds=20)
    async with region.write() as tx:
        await leases.finish(tx, claims[image.id].realization, None)
        await realizations.look_at_all(tx, Kind.IMAGE, later)
        await realizations.look_at_all(tx, Kind.VOLUME, later)
        await leases.finish(tx, claims[volume.id].realization, NOON + timedelta(hours=1))
        assert tx.ring
    assert await claimed(region, seconds=19) == {}
    assert set(await claimed(region, seconds=20)) == {image.id, volume.id}
