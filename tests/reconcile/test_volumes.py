"""What Cinder calls `reserved`: on the way to a server that gets the volume, at rest with one that is shelved."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.reconcile.test_server_shelving import asked, with_volume
from tests.reconcile.test_servers import booted, found
from tests.reconcile.world import World
from vregion.drivers.memory import attachments
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import realizations, resources, volumes

NOW = timedelta(0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


async def up(world: World) -> tuple[Resource, str]:
    """A server with a volume beside its disk."""
    (server,) = await booted(world, disks=with_volume)
    await world.turn()
    shown = await found(world, server)
    assert shown is not None
    return shown, shown.spec["volumes"][0]["volumeId"]


async def state(world: World, volume_id: str) -> tuple[str, State]:
    async with world.region.read() as tx:
        (there,) = await realizations.of_resource(tx, Kind.VOLUME, volume_id)
        return (await resources.get(tx, Kind.VOLUME, volume_id)).status, there.state


async def look(world: World, volume_id: str) -> None:
    async with world.region.write() as tx:
        await volumes.look_again(tx, await resources.get(tx, Kind.VOLUME, volume_id), world.clock.now)
    await world.turn(NOW)


async def test_reserved_for_a_server_that_is_up_it_is_looked_at_until_it_is_attached(world: World) -> None:
    _, volume_id = await up(world)
    (row,) = world.cloud.of(Kind.VOLUME, "project")
    (held,) = row.extra["held"]
    held["status"] = "reserved"
    attachments.refresh(row)
    await look(world, volume_id)
    assert await state(world, volume_id) == ("reserved", State.PROGRESSING)
    held["status"] = "attached"
    attachments.refresh(row)
    await world.turn()
    assert await state(world, volume_id) == ("in-use", State.READY)


async def test_reserved_for_a_shelved_server_it_is_at_rest(world: World) -> None:
    """Seen as its cloud shows it, both ways, because the server was."""
    server, volume_id = await up(world)
    await asked(world, server, "shelve")
    await world.turn()
    assert await state(world, volume_id) == ("reserved", State.READY)
    await look(world, volume_id)
    assert await state(world, volume_id) == ("reserved", State.READY)
    await asked(world, server, "unshelve")
    await world.turn()
    assert await state(world, volume_id) == ("in-use", State.READY)
