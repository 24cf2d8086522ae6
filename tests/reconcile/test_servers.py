"""A server's first boot in a zone, with all that it needs there, and its end: the worker killed at every await.

The image lies in the other zone and is copied; network, subnet, port and security group are made with it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.reconcile.world import World
from tests.unit.network.network_rows import caller, network, subnet
from vregion.directory.flavors import Flavor
from vregion.model.observed import Observed
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import flavors, image_data, images, realizations, resources, server_boots, servers, usages
from vregion.region.server_boots import Boot

TINY = Flavor("f1", "m1.tiny", 1, 512, 1)
WHO = caller("p1", "member")
MADE = (Kind.SERVER, Kind.PORT, Kind.NETWORK, Kind.SUBNET, Kind.SECURITY_GROUP, Kind.IMAGE)
POINTS = 150
Disks = list[dict[str, Any]]


async def booted(world: World, count: int = 1, disks: Callable[[str], Disks] = lambda image_id: []) -> list[Resource]:
    """A region with an image in az2 and a network that is nowhere yet; a boot in az1 is accepted.

    `disks(image_id)` is its block device mapping; where that has a root the image is not named beside it.
    """
    (flavor,) = [f for f in world.cloud.flavors.values() if (f.vcpus, f.ram, f.disk) == (1, 512, 1)]
    world.flavors = {TINY.id: flavor.external_id}
    external = await _image(world)
    async with world.region.write() as tx:
        wanted = {"name": "i", "disk_format": "raw", "container_format": "bare"}
        image = await images.create(tx, WHO, wanted, world.clock.now)
        image = await image_data.register(tx, image, ("az2", "b2"), external, world.clock.now)
        net = await network(tx, WHO)
        await subnet(tx, WHO, net)
        server = {
            "name": "web",
            "imageRef": image.id,
            "flavorRef": TINY.id,
            "availability_zone": "az1",
            "networks": [{"uuid": net.id}],
            "min_count": count,
            "max_count": count,
            "adminPass": "secret",
        }
        if mapped := disks(image.id):
            server["block_device_mapping_v2"] = mapped
            if mapped[0]["destination_type"] == "volume":
                del server["imageRef"]
        request = Boot(
            WHO, server, {}, TINY.id, flavors.embedded(TINY), [world.binding("b1"), world.binding("b2")],
            frozenset({"b1", "b2"}), "http://here/compute/v2.1", world.clock.now,
        )  # fmt: skip
        made = await server_boots.boot(tx, request)
        tx.ring = True
    return made


async def _image(world: World) -> Observed:
    opened = await world.backends.open(world.region_id, "b2")
    rooms = opened.driver.collections[Kind.IMAGE]
    made = await rooms.create("elsewhere", {"name": "i", "disk_format": "raw", "container_format": "bare"})

    async def bytes_of() -> AsyncIterator[bytes]:
        yield b"vregion" * 1000

    await opened.driver.upload(made.external_id, bytes_of(), None)
    return await rooms.get(made.external_id)


def counted(world: World) -> dict[Kind, int]:
    return {kind: world.cloud.count(kind, "project") for kind in MADE}


async def instances(world: World) -> int:
    async with world.region.read() as tx:
        return (await usages.limits(tx, "p1"))["instances"][1]


async def found(world: World, server: Resource) -> Resource | None:
    async with world.region.read() as tx:
        return await resources.find(tx, Kind.SERVER, server.id)


async def deleted(world: World, server: Resource) -> None:
    async with world.region.write() as tx:
        await servers.delete(tx, WHO, await servers.get(tx, server.id, "p1"), world.clock.now)


async def test_fifty_boots_share_what_they_need(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        made = await booted(world, 50)
        await world.turn()
        assert counted(world) == dict.fromkeys(MADE, 1) | {Kind.SERVER: 50, Kind.PORT: 50}
        assert Counter([(await found(world, s)).status for s in made]) == {"ACTIVE": 50}  # type: ignore[union-attr]
        creates = Counter(kind for operation, kind in world.cloud.faults.calls if operation == "create")
        assert creates == Counter(dict.fromkeys(MADE, 1) | {Kind.SERVER: 50, Kind.PORT: 50})


async def test_a_boot_in_a_dead_zone_is_completed_when_it_returns(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        world.cloud.faults.down = True
        (server,) = await booted(world)
        await world.turn(timedelta(minutes=10))
        assert (await found(world, server)).status == "BUILD"  # type: ignore[union-attr]
        world.cloud.faults.down = False
        await world.turn()
        assert (await found(world, server)).status == "ACTIVE"  # type: ignore[union-attr]


async def test_deleted_behind_our_back_is_lost(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (server,) = await booted(world)
        await world.turn()
        async with world.region.write() as tx:
            there = await realizations.on_backend(tx, Kind.SERVER, server.id, "b1")
            assert there is not None
            world.cloud.delete_behind_back(Kind.SERVER, str(there.external_id))
            await realizations.look_again(tx, there, world.clock.now)
        await world.turn()
        assert (await found(world, server)).status == "ERROR"  # type: ignore[union-attr]
        assert world.cloud.count(Kind.SERVER) == 0
        async with world.region.read() as tx:
            there = await realizations.on_backend(tx, Kind.SERVER, server.id, "b1")
            assert there is not None
            assert there.state is State.LOST
        await deleted(world, server)
        await world.turn()
        assert await found(world, server) is None
        assert await instances(world) == 0


@pytest.mark.parametrize("point", range(POINTS))
async def test_killed_anywhere_there_is_one_server(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        (server,) = await booted(world)
        await world.die_at(point)
        assert counted(world) == dict.fromkeys(MADE, 1)
        assert (await found(world, server)).status == "ACTIVE"  # type: ignore[union-attr]
        assert await instances(world) == 1


@pytest.mark.parametrize("point", range(0, POINTS, 3))
async def test_killed_anywhere_while_deleting_nothing_is_left(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        (server,) = await booted(world)
        await world.turn()
        await deleted(world, server)
        await world.die_at(point)
        assert await found(world, server) is None
        assert counted(world)[Kind.SERVER] == counted(world)[Kind.PORT] == 0
        assert await instances(world) == 0
        async with world.region.read() as tx:
            graves = await resources.list_resources(tx, resources.Query(Kind.DELETED_SERVER))
        assert [grave.id for grave in graves] == [server.id]


async def test_the_points_reach_beyond_the_flow(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        (server,) = await booted(world)
        assert not await world.die_at(POINTS - 1)
        await deleted(world, server)
        assert not await world.die_at(POINTS - 1)
