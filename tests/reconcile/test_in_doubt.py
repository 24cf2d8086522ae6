"""A create that was sent and not answered may still be carried out: it is looked for, and not sent again too soon."""

from datetime import timedelta
from pathlib import Path

from tests.reconcile.test_loop import RECIPES, state, unwanted, written
from tests.reconcile.world import World
from vregion.drivers.contract import Transient
from vregion.drivers.memory import MemoryDriver
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.loop import LEASE
from vregion.region import leases

SOON = timedelta(seconds=30)


async def unanswered(world: World) -> Resource:
    """A volume whose create was sent and timed out."""
    world.cloud.faults.fail_next(Kind.VOLUME, "create", Transient("no answer in time", in_doubt=True))
    (row,) = await written(world)
    await world.turn(SOON)
    _, realization = await state(world, row)
    assert realization is not None
    assert (realization.state, realization.external_id) == (State.CREATING, None)
    return row


async def arrives(world: World, row: Resource) -> None:
    """The cloud comes to the request in the end."""
    await MemoryDriver(world.cloud, "project").collections[Kind.VOLUME].create(row.id, {"size": 1, "name": row.name})


async def test_what_arrives_late_is_adopted_and_not_made_twice(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        row = await unanswered(world)
        await arrives(world, row)
        await world.turn()
        _, realization = await state(world, row)
        assert realization is not None
        assert realization.state is State.READY
        assert world.cloud.count(Kind.VOLUME) == 1


async def test_what_never_arrives_is_made_when_doubt_ends(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        await unanswered(world)
        assert world.cloud.count(Kind.VOLUME) == 0
        await world.turn()
        assert world.cloud.count(Kind.VOLUME) == 1


async def test_what_arrives_after_its_deletion_is_deleted(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        row = await unanswered(world)
        await unwanted(world, row)
        await world.turn(timedelta(seconds=5))
        assert (await state(world, row))[1] is not None
        await arrives(world, row)
        await world.turn()
        assert await state(world, row) == (None, None)
        assert world.cloud.count(Kind.VOLUME) == 0


async def test_a_new_process_goes_on_at_once(tmp_path: Path) -> None:
    """On SQLite there is one process: the leases that it finds are those of its dead predecessor."""
    async with World(tmp_path, RECIPES) as world:
        (row,) = await written(world)
        async with world.region.write() as tx:
            assert await leases.claim(tx, "predecessor:1", "b1", world.clock.now, LEASE, 10)
        await world.turn(SOON)
        assert world.cloud.count(Kind.VOLUME) == 1
        assert (await state(world, row))[0].status == "available"  # type: ignore[union-attr]


async def test_after_a_silence_doubt_begins_anew(tmp_path: Path) -> None:
    """A service that hung comes to what it was sent when it goes on, however long ago that was."""
    async with World(tmp_path, RECIPES) as world:
        row = await unanswered(world)
        world.cloud.faults.down = True
        await world.turn(timedelta(seconds=2))
        world.clock.move(world.loop.doubt)
        world.cloud.faults.down = False
        await world.turn(timedelta(seconds=5))
        assert world.cloud.count(Kind.VOLUME) == 0
        await arrives(world, row)
        await world.turn()
        assert world.cloud.count(Kind.VOLUME) == 1
        _, realization = await state(world, row)
        assert realization is not None
        assert realization.state is State.READY
