"""The image of a shelved server and the devices of its volumes, on both databases: by what is seen, whoever asked."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.compute.test_server_moves import SNAPSHOT
from tests.unit.compute.test_servers import ME, NOW, an_image, asked, observe, seen
from vregion.drivers.contract import Observed
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource, State
from vregion.region import images, leases, realizations, resources, server_boots, server_shelving, servers, usages
from vregion.region.regions import Region, Transaction
from vregion.region.resources import Query

OFFLOADED = seen("SHELVED_OFFLOADED", "shelved_offloaded")


async def up(region: Region, **server: Any) -> Resource:
    async with region.write() as tx:
        (made,) = await server_boots.boot(tx, asked(imageRef=await an_image(tx), **server))
        (there,) = await realizations.of_resource(tx, Kind.SERVER, made.id)
        await leases.save(tx, there, external_id="external", state=State.READY)
    return await observe(region, made, seen())


async def listed(tx: Transaction) -> list[tuple[str, str]]:
    found = await resources.list_resources(tx, Query(Kind.IMAGE, ME.project_id))
    return [(image.name, image.status) for image in found if image.name != "i" and not image.deleting]


async def count(tx: Transaction) -> int:
    return (await usages.limits(tx, ME.project_id))["images"][1]


@pytest.mark.parametrize(
    "looks",
    [
        [OFFLOADED],
        [seen(task="shelving"), OFFLOADED],
        [seen(task="shelving_image_uploading"), seen("SHELVED", "shelved"), OFFLOADED, OFFLOADED],
        [OFFLOADED, seen("SHELVED_OFFLOADED", "shelved_offloaded", "unshelving")],
    ],
)
async def test_one_image_however_often_it_is_seen(region: Region, looks: list[Any]) -> None:
    server = await up(region)
    for look in looks:
        server = await observe(region, server, look)
    async with region.read() as tx:
        image = await server_shelving.image(tx, server)
        assert await listed(tx) == [("s-shelved", "queued")]
        assert await count(tx) == 2
        assert image is not None
        needed = await realizations.needed(tx, image, "one")
    assert (image.project_id, image.backend_id, image.spec["instance_uuid"]) == (ME.project_id, "one", server.id)
    assert image.spec["base_image_ref"] == server.spec["imageRef"]
    assert list(needed) == [(Kind.SERVER, server.id)]


@pytest.mark.parametrize("after", [seen(), seen("SHUTOFF", "stopped")])
async def test_it_goes_when_the_server_is_up_and_its_cloud_is_not_asked(region: Region, after: Any) -> None:
    server = await observe(region, await up(region), OFFLOADED)
    image_id = server.spec[server_shelving.IMAGE]
    async with region.write() as tx:
        await server_shelving.whole(tx, server, SNAPSHOT, NOW)
        assert await listed(tx) == [("s-shelved", "active")]
    server = await observe(region, server, after)
    assert server_shelving.IMAGE not in server.spec
    async with region.read() as tx:
        assert await listed(tx) == []
        assert await count(tx) == 1
        assert await realizations.of_resource(tx, Kind.IMAGE, image_id) == [], "its cloud takes it away"


async def test_shelving_that_failed_leaves_nothing(region: Region) -> None:
    server = await observe(region, await up(region), seen(task="shelving"))
    await observe(region, server, seen())
    async with region.read() as tx:
        assert (await listed(tx), await count(tx)) == ([], 1)


async def test_it_goes_with_the_server(region: Region) -> None:
    server = await observe(region, await up(region), OFFLOADED)
    async with region.write() as tx:
        await servers.delete(tx, ME, server, NOW)
        assert (await listed(tx), await count(tx)) == ([], 1)


async def test_none_of_a_server_that_boots_from_a_volume(region: Region) -> None:
    async with region.write() as tx:
        disk = {"source_type": "image", "destination_type": "volume", "uuid": await an_image(tx), "boot_index": 0}
        request = asked(block_device_mapping_v2=[disk | {"volume_size": 1}])
        (server,) = await server_boots.boot(tx, request)
    server = await observe(region, await observe(region, server, seen()), OFFLOADED)
    async with region.write() as tx:
        assert await listed(tx) == []
        assert await server_shelving.whole(tx, server, None, NOW) is None


async def test_none_without_room_for_it_until_there_is(region: Region) -> None:
    server = await up(region)
    async with region.write() as tx:
        await usages.set_limits(tx, ME.project_id, {"images": 1})
    server = await observe(region, server, OFFLOADED)
    async with region.write() as tx:
        assert await listed(tx) == []
        await usages.set_limits(tx, ME.project_id, {"images": 2})
    await observe(region, server, OFFLOADED)
    async with region.read() as tx:
        assert await listed(tx) == [("s-shelved", "queued")]


async def test_what_the_tenant_has_deleted_does_not_come_back(region: Region) -> None:
    server = await observe(region, await up(region), OFFLOADED)
    async with region.write() as tx:
        image = await server_shelving.image(tx, server)
        assert image is not None
        await images.delete(tx, image, NOW)
    server = await observe(region, server, OFFLOADED)
    async with region.write() as tx:
        assert await listed(tx) == []
        with pytest.raises(Conflict, match=f"az1 has no image of shelved server {server.id}"):
            await server_shelving.whole(tx, server, SNAPSHOT, NOW)


def _with(look: Observed, devices: dict[str, str]) -> Observed:
    return replace(look, document={**look.document, server_shelving.DEVICES: devices})


async def test_its_volumes_are_looked_at_and_have_the_devices_that_were_told(region: Region) -> None:
    async with region.write() as tx:
        disk = {"source_type": "blank", "destination_type": "volume", "volume_size": 1, "boot_index": -1}
        root = {"source_type": "image", "destination_type": "local", "uuid": (i := await an_image(tx)), "boot_index": 0}
        (server,) = await server_boots.boot(tx, asked(imageRef=i, block_device_mapping_v2=[root, disk]))
        (entry,) = server.spec["volumes"]
        (there,) = await realizations.of_resource(tx, Kind.VOLUME, entry["volumeId"])
        await leases.save(tx, there, external_id="their-volume")
    server = await observe(region, await observe(region, server, seen()), OFFLOADED)
    assert not server.spec["volumes"][0].get("device")
    told = {"their-volume": "/dev/vdq", "a strangers": "/dev/vdr"}
    server = await observe(region, server, _with(seen(), told))
    assert [one["device"] for one in server.spec["volumes"]] == ["/dev/vdq"]
