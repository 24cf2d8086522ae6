"""A cloud that has just come back may take a boot before it has a host for it: such a boot is tried again."""

from datetime import timedelta
from pathlib import Path

from tests.reconcile.test_servers import booted, found
from tests.reconcile.world import World
from vregion.backends import LONGEST_PAUSE
from vregion.model.resource import Kind
from vregion.reconcile.recipes import RECIPES
from vregion.reconcile.work import COMING_BACK

NO_HOST = "No valid host was found."


async def test_a_boot_that_waited_for_its_zone_is_not_lost_to_a_late_host(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        world.cloud.faults.down = True
        (server,) = await booted(world)
        await world.turn(timedelta(minutes=2))
        world.cloud.faults.down = False
        world.cloud.faults.builds[Kind.SERVER] = [NO_HOST, NO_HOST]
        await world.turn()
        now = await found(world, server)
        assert now is not None
        assert now.status == "ACTIVE"
        assert world.cloud.faults.count("create", Kind.SERVER) == 3
        assert world.cloud.count(Kind.SERVER, "project") == 1


async def test_a_zone_that_has_been_there_gives_its_own_answer(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        world.cloud.faults.down = True
        await booted(world)
        await world.turn(timedelta(minutes=2))
        world.cloud.faults.down = False
        await world.turn()
        world.clock.move(COMING_BACK)
        world.cloud.faults.builds[Kind.SERVER] = [NO_HOST]
        (second,) = await booted(world)
        await world.turn()
        now = await found(world, second)
        assert now is not None
        assert now.status == "ERROR"
        assert world.cloud.faults.count("create", Kind.SERVER) == 2


async def test_the_first_answer_after_a_silence_sets_all_in_motion(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        world.cloud.faults.down = True
        servers = [server for _ in range(6) for server in await booted(world)]
        await world.turn(timedelta(minutes=6))
        world.cloud.faults.down = False
        await world.turn(timedelta(seconds=LONGEST_PAUSE + 15))
        seen = [await found(world, server) for server in servers]
        assert [server and server.status for server in seen] == ["ACTIVE"] * 6
