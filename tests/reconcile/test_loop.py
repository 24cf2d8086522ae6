"""The loop and the passes over the plainest resource there is: a volume that needs nothing, made by a toy recipe."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.reconcile.world import World
from tests.unit.region.rows import resource
from vregion.drivers.contract import Observed, Permanent, Transient
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.reconcile.recipe import Recipe
from vregion.region import realizations, resources
from vregion.region.regions import Transaction


async def settled(tx: Transaction, row: Resource, observed: Observed) -> None:
    await resources.change(tx, row, status="error" if observed.failed else observed.document["status"])


async def stopped(tx: Transaction, row: Resource, reason: str) -> None:
    await resources.change(tx, row, status="error", name=reason)


async def lost(tx: Transaction, row: Resource) -> None:
    await resources.change(tx, row, status="lost")


async def vanished(tx: Transaction, row: Resource) -> None:
    return None


VOLUME = Recipe(
    Kind.VOLUME,
    body=lambda row, references: {"size": row.spec["size"], "name": row.name},
    update=lambda row, references: {"name": row.name},
    settled=settled,
    stopped=stopped,
    lost=lost,
    vanished=vanished,
)
SNAPSHOT = replace(
    VOLUME,
    kind=Kind.SNAPSHOT,
    body=lambda row, references: {"volume_id": references[Kind.VOLUME, row.spec["volume_id"]], "name": row.name},
)
RECIPES = {Kind.VOLUME: VOLUME, Kind.SNAPSHOT: SNAPSHOT}


async def written(world: World, count: int = 1) -> list[Resource]:
    """Volumes wanted on the cloud."""
    rows = [resource(status="creating", spec={"size": 1}) for _ in range(count)]
    async with world.region.write() as tx:
        await resources.insert_resources(tx, rows)
        for row in rows:
            await realizations.want(tx, Kind.VOLUME, row.id, "b1", world.clock.now)
    return rows


async def unwanted(world: World, row: Resource) -> None:
    async with world.region.write() as tx:
        await resources.change(tx, row, deleting=True)
        await realizations.unwant(tx, row.kind, row.id, world.clock.now)


async def state(world: World, row: Resource) -> tuple[Resource | None, Realization | None]:
    async with world.region.read() as tx:
        return (
            await resources.find(tx, row.kind, row.id),
            await realizations.on_backend(tx, row.kind, row.id, "b1"),
        )


async def behind_back(world: World, row: Resource) -> None:
    """Somebody deletes it in the backend."""
    realization = (await state(world, row))[1]
    assert realization is not None
    world.cloud.delete_behind_back(row.kind, str(realization.external_id))


async def test_a_volume_comes_and_goes(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        await world.turn()
        found, realization = await state(world, row)
        assert found is not None
        assert realization is not None
        assert (found.status, realization.state) == ("available", State.READY)
        assert world.cloud.count(Kind.VOLUME) == 1
        await unwanted(world, row)
        await world.turn()
        assert await state(world, row) == (None, None)
        assert world.cloud.count(Kind.VOLUME) == 0


async def test_a_snapshot_waits_for_its_volume(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        volume = resource(status="creating", spec={"size": 1})
        snapshot = resource(Kind.SNAPSHOT, status="creating", spec={"volume_id": volume.id})
        async with world.region.write() as tx:
            await resources.insert_resources(tx, [volume, snapshot])
            await realizations.need(tx, snapshot, [(Kind.VOLUME, volume.id)])
            await realizations.want(tx, Kind.SNAPSHOT, snapshot.id, "b1", world.clock.now)
        world.cloud.faults.fail_next(Kind.VOLUME, "create")
        await world.turn()
        assert (await state(world, snapshot))[0].status == "available"  # type: ignore[union-attr]
        created = [call for call in world.cloud.faults.calls if call[0] == "create"]
        assert created == [("create", Kind.VOLUME), ("create", Kind.SNAPSHOT)]


async def test_what_outlasts_its_users_is_asked_to_go_once_they_are_gone(tmp_path: Path) -> None:
    """Not before, however long that takes, nor by a clock: the last one's end wakes it."""
    async with World(tmp_path, {**RECIPES, Kind.VOLUME: replace(VOLUME, outlasts=True)}) as world:
        (volume,) = await written(world)
        snapshots = [
            resource(Kind.SNAPSHOT, status="creating", spec={"volume_id": volume.id, "size": 1}) for _ in range(2)
        ]
        async with world.region.write() as tx:
            await resources.insert_resources(tx, snapshots)
            for snapshot in snapshots:
                await realizations.need(tx, snapshot, [(Kind.VOLUME, volume.id)])
                await realizations.want(tx, Kind.SNAPSHOT, snapshot.id, "b1", world.clock.now)
        await world.turn()
        began = world.clock.now
        for _ in range(4):
            world.cloud.faults.fail_next(Kind.SNAPSHOT, "delete")
        for row in (volume, *snapshots):
            await unwanted(world, row)
        await world.turn()
        deletes = [kind for operation, kind in world.cloud.faults.calls if operation == "delete"]
        assert deletes[-1] is Kind.VOLUME
        assert (deletes.count(Kind.VOLUME), deletes.count(Kind.SNAPSHOT)) == (1, 2)
        assert world.clock.now < began + timedelta(seconds=20)
        assert await state(world, volume) == (None, None)


async def test_an_orphan_of_ours_is_adopted(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        world.cloud.faults.fail_next(Kind.VOLUME, "create", Transient("the answer was lost"), "after")
        await world.turn()
        assert world.cloud.count(Kind.VOLUME) == 1
        assert world.cloud.faults.count("create", Kind.VOLUME) == 1
        assert (await state(world, row))[0].status == "available"  # type: ignore[union-attr]


async def test_a_refusal_is_told_and_not_repeated(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        world.cloud.faults.fail_next(Kind.VOLUME, "create", Permanent("no such type"))
        await world.turn()
        found, realization = await state(world, row)
        assert found is not None
        assert realization is not None
        assert (found.status, found.name, realization.state) == ("error", "no such type", State.ERROR)
        await unwanted(world, row)
        await world.turn()
        assert await state(world, row) == (None, None)


async def test_gone_behind_our_back_is_lost_and_stays_so(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        await world.turn()
        await behind_back(world, row)
        async with world.region.write() as tx:
            await realizations.changed(tx, Kind.VOLUME, row.id, world.clock.now)
        await world.turn()
        found, realization = await state(world, row)
        assert found is not None
        assert realization is not None
        assert (found.status, realization.state) == ("lost", State.LOST)
        assert world.cloud.count(Kind.VOLUME) == 0


async def test_what_holds_nothing_is_made_again(tmp_path: Path) -> None:
    async with World(tmp_path, {Kind.VOLUME: replace(VOLUME, recreate=True)}) as world:
        (row,) = await written(world)
        await world.turn()
        await behind_back(world, row)
        async with world.region.write() as tx:
            await realizations.changed(tx, Kind.VOLUME, row.id, world.clock.now)
        await world.turn()
        assert world.cloud.count(Kind.VOLUME) == 1


async def test_a_dead_backend_keeps_the_intent_and_costs_few_calls(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        world.cloud.faults.down = True
        rows = await written(world, 20)
        probes = 0

        async def count(moment: str, operation: str, kind: Kind | None) -> None:
            nonlocal probes
            probes += 1

        world.cloud.faults.crash = count
        await world.turn(timedelta(minutes=5))
        assert probes < 20 + 30
        world.cloud.faults.down = False
        world.cloud.faults.crash = None
        await world.turn()
        assert world.cloud.count(Kind.VOLUME) == 20
        for row in rows:
            assert (await state(world, row))[0].status == "available"  # type: ignore[union-attr]


async def test_a_change_reaches_the_backend_once(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        await world.turn()
        async with world.region.write() as tx:
            await resources.change(tx, row, name="other", generation=2)
            await realizations.changed(tx, Kind.VOLUME, row.id, world.clock.now)
        await world.turn()
        assert [r.document["name"] for r in world.cloud.of(Kind.VOLUME)] == ["other"]
        assert world.cloud.faults.count("update", Kind.VOLUME) == 1


async def test_what_a_feed_saw_before_a_live_call_does_not_hide_what_the_call_began(tmp_path: Path) -> None:
    """A listing that was on its way while the call was made tells of the time before it: the backend is asked again."""
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        await world.turn()
        realization = (await state(world, row))[1]
        assert realization is not None
        there = world.cloud.rows[Kind.VOLUME][str(realization.external_id)]
        listed = world.clock.now
        for asked, status in ((timedelta(seconds=-1), "available"), (timedelta(seconds=1), "in-use")):
            before = Observed(there.id, {**there.document, "status": "available"}, settled=True)
            there.document["status"] = "in-use"
            async with world.region.write() as tx:
                await realizations.look_again(tx, realization, listed + asked)
                world.loop.hint(world.region_id, (row.id, "b1"), before, listed)
                await realizations.news(tx, realization, listed, listed + timedelta(seconds=2))
            world.clock.move(timedelta(seconds=2))
            await world.turn()
            after = (await state(world, row))[0]
            assert after is not None
            assert after.status == status, "a hint serves a look that was asked for before, and no later one"


@pytest.mark.parametrize("point", range(40))
async def test_killed_anywhere_there_is_one_volume(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        await world.die_at(point)
        assert world.cloud.count(Kind.VOLUME) == 1
        assert world.cloud.faults.count("create", Kind.VOLUME) == 1
        assert (await state(world, row))[0].status == "available"  # type: ignore[union-attr]


@pytest.mark.parametrize("point", range(40))
async def test_killed_anywhere_while_deleting_nothing_is_left(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        await world.turn(timedelta(0))
        await unwanted(world, row)
        await world.die_at(point)
        assert world.cloud.count(Kind.VOLUME) == 0
        assert await state(world, row) == (None, None)


async def test_the_points_reach_beyond_the_flow(tmp_path: Path) -> None:
    """The parametrised ranges above are long enough: the last point is never reached by a create or a delete."""
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        assert not await world.die_at(39)
        await unwanted(world, row)
        assert not await world.die_at(39)


async def test_two_workers_make_one(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world, World(tmp_path, RECIPES) as other:
        other.region_id, other.clouds, other.clock = world.region_id, world.clouds, world.clock
        other.region = await other.regions.open(world.region_id)
        await written(world, 10)
        await asyncio.gather(world.turn(), other.turn())
        assert world.cloud.count(Kind.VOLUME) == 10
        assert world.cloud.faults.count("create", Kind.VOLUME) == 10
