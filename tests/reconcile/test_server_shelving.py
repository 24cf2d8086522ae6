"""A server is shelved and comes back where it was: its image is listed meanwhile, once, and its volumes are followed.

The worker is killed at some of the awaits of both ways.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.reconcile.test_server_moves import HERE, look, shelved
from tests.reconcile.test_servers import booted, deleted, found
from tests.reconcile.world import World
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import images, realizations, resources, server_changes, server_shelving, usages, volumes
from vregion.region.resources import Query

POINTS = 40


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


async def asked(world: World, server: Resource, action: str) -> None:
    """Its cloud has accepted the action, and nothing was seen of it."""
    async with world.region.write() as tx:
        (there,) = await realizations.of_resource(tx, Kind.SERVER, server.id)
        driver = (await world.backends.open(world.region_id, HERE)).driver
        answer = await driver.call(Kind.SERVER, str(there.external_id), "POST", "/action", {action: None})
        assert answer.status == 202
        await realizations.look_again(tx, there, world.clock.now)


async def kept(world: World, server: Resource, count: int) -> None:
    """So many images of the server, in its cloud as in the rows, active and the same."""
    cloud_has = [row for row in world.cloud.of(Kind.IMAGE, "project") if row.document["name"] == "web-shelved"]
    async with world.region.read() as tx:
        every = await resources.list_resources(tx, Query(Kind.IMAGE, "p1"))
        ours = [image for image in every if image.name == "web-shelved"]
        there = [one for image in ours for one in await realizations.of_resource(tx, Kind.IMAGE, image.id)]
        assert (await usages.limits(tx, "p1"))["images"][1] == 1 + count
    assert [image.status for image in ours] == ["active"] * count
    assert [(one.external_id, one.state) for one in there] == [(row.id, State.READY) for row in cloud_has]
    assert len(cloud_has) == count


@pytest.mark.parametrize("point", range(0, POINTS, 8))
async def test_killed_anywhere_it_has_one_image_and_then_none(world: World, point: int) -> None:
    (server,) = await booted(world)
    await world.turn()
    await asked(world, server, "shelve")
    await world.die_at(point)
    assert (await found(world, server)).status == "SHELVED_OFFLOADED"  # type: ignore[union-attr]
    await kept(world, server, 1)
    await asked(world, server, "unshelve")
    await world.die_at(point)
    assert (await found(world, server)).status == "ACTIVE"  # type: ignore[union-attr]
    await kept(world, server, 0)


async def test_the_points_reach_beyond_the_flow(world: World) -> None:
    (server,) = await booted(world)
    await world.turn()
    await asked(world, server, "shelve")
    assert not await world.die_at(POINTS - 1)


async def test_deleted_while_it_is_shelved(world: World) -> None:
    server = await shelved(world)
    await kept(world, server, 1)
    await deleted(world, server)
    await world.turn()
    await kept(world, server, 0)


async def test_what_the_tenant_deletes_goes_from_the_cloud(world: World) -> None:
    server = await shelved(world)
    async with world.region.write() as tx:
        image = await server_shelving.image(tx, server)
        assert image is not None
        await images.delete(tx, image, world.clock.now)
    await world.turn()
    await kept(world, server, 0)
    await look(world, server)
    await kept(world, server, 0)


async def test_a_volume_attached_meanwhile_has_a_device_when_the_server_is_active(world: World) -> None:
    (server,) = await booted(world, disks=with_volume)
    await world.turn()
    (before,) = (await found(world, server)).spec["volumes"]  # type: ignore[union-attr]
    await asked(world, server, "shelve")
    await world.turn()
    row = next(row for row in world.cloud.of(Kind.SERVER, "project"))
    row.extra["attachments"][0]["device"] = None
    async with world.region.write() as tx:
        await server_changes.change_attachment(tx, server.id, before["volumeId"], {"device": None}, world.clock.now)
    await asked(world, server, "unshelve")
    await world.turn()
    shown = await found(world, server)
    assert shown is not None
    assert (shown.status, [one["device"] for one in shown.spec["volumes"]]) == ("ACTIVE", ["/dev/vdb"])
    async with world.region.read() as tx:
        volume = await resources.get(tx, Kind.VOLUME, before["volumeId"])
    assert [one["device"] for one in volumes.document(volume)["attachments"]] == ["/dev/vdb"]
    assert volume.status == "in-use"


def with_volume(image_id: str) -> list[dict[str, object]]:
    root = {"source_type": "image", "destination_type": "local", "uuid": image_id, "boot_index": 0}
    return [root, {"source_type": "blank", "destination_type": "volume", "volume_size": 1, "boot_index": -1}]
