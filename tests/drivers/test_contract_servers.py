"""Servers: every field as sent, the port that vregion chose, live calls, and the change feed."""

import asyncio
import base64
import time
import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.drivers.bench import LIMIT, PUBLIC_KEY, Bench, Cloud, Ground, pieces
from vregion.drivers.contract import Driver, Gone, Observed, Permanent, Unsupported
from vregion.model.resource import Kind

SHELVED = "SHELVED_OFFLOADED"

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAC, ADDRESS = "fa:16:3e:91:00:07", "10.91.0.77"


async def seen_in_feed(driver: Driver, external_id: str, since: datetime | None, absent: bool = False) -> datetime:
    """Follows the feed until it shows the server that way; the watermark to go on with."""
    end = time.monotonic() + LIMIT
    while True:
        changes = await driver.changes(Kind.SERVER, since)
        since = changes.watermark
        if any(item.external_id == external_id and item.absent is absent for item in changes.items):
            return since
        assert time.monotonic() < end, f"the feed does not show {external_id}"
        await asyncio.sleep(0.2)


async def in_status(driver: Driver, external_id: str, status: str) -> Observed:
    """The server once it has that status and rests."""
    end = time.monotonic() + LIMIT
    while True:
        seen = await driver.collections[Kind.SERVER].get(external_id)
        if seen.settled and seen.document["status"] == status:
            return seen
        assert time.monotonic() < end, f"{external_id} is {seen.document['status']}, not {status}"
        await asyncio.sleep(0.2)


async def act(driver: Driver, external_id: str, action: dict[str, Any], status: str) -> None:
    """An action that is accepted and leads to a status."""
    answer = await driver.call(Kind.SERVER, external_id, "POST", "/action", action)
    assert answer.status == 202
    await in_status(driver, external_id, status)


async def test_a_server_with_everything(bench: Bench, ground: Ground, driver: Driver) -> None:
    """It has our port with our MAC and address, and what was sent is there; then it stops and starts."""
    group = await bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    keypair = await bench.make(Kind.KEYPAIR, {"name": "suite", "type": "ssh", "public_key": PUBLIC_KEY})
    band = await bench.make(Kind.SERVER_GROUP, {"name": "suite", "policy": "soft-anti-affinity"})
    port_body = {
        "network_id": ground.network,
        "mac_address": MAC,
        "fixed_ips": [{"subnet_id": ground.subnet, "ip_address": ADDRESS}],
        "security_groups": [group.external_id],
    }
    port = await bench.make(Kind.PORT, port_body)
    fields = {
        "name": "suite server",
        "description": "of the suite",
        "hostname": "suite-host",
        "metadata": {"colour": "blue"},
        "tags": ["one", "two"],
        "key_name": keypair.external_id,
        "config_drive": True,
        "user_data": base64.b64encode(b"#!/bin/sh\n").decode(),
    }
    body = ground.server(
        **fields,
        networks=[{"port": port.external_id, "tag": "nic"}],
        **{"os:scheduler_hints": {"group": band.external_id}},
    )
    server = await bench.ready(Kind.SERVER, body)
    shown = {name: server.document[name] for name in ("name", "description", "metadata", "tags", "key_name")}
    assert shown == {name: fields[name] for name in shown}
    assert server.document["OS-EXT-SRV-ATTR:hostname"] == "suite-host"
    assert server.document["config_drive"] == "True"
    assert server.document["server_groups"] == [band.external_id]
    assert server.document["status"] == "ACTIVE"
    (address,) = server.document["addresses"]["suite-ground"]
    assert (address["addr"], address["OS-EXT-IPS-MAC:mac_addr"]) == (ADDRESS, MAC)
    bound = await driver.collections[Kind.PORT].get(port.external_id)
    assert bound.document["device_id"] == server.external_id
    same = await driver.collections[Kind.PORT].update(port.external_id, port_body)
    assert same.document["mac_address"] == MAC
    await act(driver, server.external_id, {"os-stop": None}, "SHUTOFF")
    await act(driver, server.external_id, {"os-start": None}, "ACTIVE")


async def test_the_feed_tells_the_whole_life(bench: Bench, ground: Ground, driver: Driver) -> None:
    """Creation, change and deletion, each after the watermark of the one before; overlapping, never missing."""
    since = (await driver.changes(Kind.SERVER, None)).watermark
    server = await bench.make(Kind.SERVER, ground.server())
    since = await seen_in_feed(driver, server.external_id, since)
    await bench.settled(Kind.SERVER, server.external_id)
    await driver.collections[Kind.SERVER].update(server.external_id, {"name": "other"})
    changes = await driver.changes(Kind.SERVER, since)
    names = {item.external_id: item.document.get("name") for item in changes.items}
    assert names[server.external_id] == "other"
    await driver.collections[Kind.SERVER].delete(server.external_id)
    await bench.gone(Kind.SERVER, server.external_id)
    await seen_in_feed(driver, server.external_id, changes.watermark, absent=True)


async def test_a_server_that_fits_nowhere_fails_in_words(bench: Bench, ground: Ground, cloud: Cloud) -> None:
    """The backend gives up; `failed` says why, and it can be deleted."""
    cloud.full()
    foreign = {"name": "suite", "disk_format": "raw", "container_format": "bare", "hw_architecture": "ppc64le"}
    image = await bench.make(Kind.IMAGE, foreign)
    await cloud.driver.upload(image.external_id, pieces(1 << 20), 1 << 20)
    server = await bench.make(Kind.SERVER, ground.server(imageRef=image.external_id))
    seen = await bench.settled(Kind.SERVER, server.external_id)
    assert seen.failed is not None
    assert "No valid host" in seen.failed


async def test_what_a_live_call_refuses_is_an_answer(bench: Bench, ground: Ground, driver: Driver) -> None:
    """A 409 and a 400 with the backend's words come back; an unknown server is gone."""
    server = await bench.ready(Kind.SERVER, ground.server())
    answer = await driver.call(Kind.SERVER, server.external_id, "POST", "/action", {"os-start": None})
    assert answer.status == 409
    assert answer.body is not None
    assert "vm_state active" in answer.body["conflictingRequest"]["message"]
    answer = await driver.call(Kind.SERVER, server.external_id, "POST", "/action", {"reboot": {"type": "odd"}})
    assert answer.status == 400
    shown = await driver.call(Kind.SERVER, server.external_id, "GET")
    assert shown.status == 200
    assert shown.body is not None
    assert shown.body["server"]["id"] == server.external_id
    with pytest.raises(Gone):
        await driver.call(Kind.SERVER, str(uuid.uuid4()), "POST", "/action", {"os-start": None})


async def test_the_image_of_a_shelved_server(bench: Bench, ground: Ground, driver: Driver) -> None:
    """None before; an active one while it is shelved; it goes with the server."""
    server = await bench.ready(Kind.SERVER, ground.server())
    assert await driver.shelved_image(server.external_id) is None
    await act(driver, server.external_id, {"shelve": None}, SHELVED)
    image = await driver.shelved_image(server.external_id)
    assert image is not None
    assert (image.document["status"], image.document["name"]) == ("active", f"{server.document['name']}-shelved")
    await driver.collections[Kind.SERVER].delete(server.external_id)
    await bench.gone(Kind.SERVER, server.external_id)
    await bench.gone(Kind.IMAGE, image.external_id)


async def test_volumes_come_and_go_by_live_calls(bench: Bench, ground: Ground, driver: Driver) -> None:
    """Attached and detached below the server; meanwhile the volume says so."""
    server = await bench.ready(Kind.SERVER, ground.server())
    volume = await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})
    path = "/os-volume_attachments"
    await attach(driver, server.external_id, volume.external_id)
    answer = await driver.call(Kind.SERVER, server.external_id, "DELETE", f"{path}/{volume.external_id}")
    assert answer.status == 202
    await volume_in(driver, volume.external_id, "available")
    answer = await driver.call(Kind.SERVER, server.external_id, "DELETE", f"{path}/{volume.external_id}")
    assert answer.status == 404, "the volume is not attached, which does not make the server gone"


async def test_volumes_of_a_shelved_server(bench: Bench, ground: Ground, driver: Driver) -> None:
    """One that it had is reserved, and that lasts; one that it gets then is in use, as both are when it is back."""
    before, meanwhile = [(await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})).external_id for _ in range(2)]
    server = (await bench.ready(Kind.SERVER, ground.server())).external_id
    await attach(driver, server, before)
    await act(driver, server, {"shelve": None}, SHELVED)
    seen = await driver.collections[Kind.VOLUME].get(before)
    assert (seen.document["status"], seen.document["attachments"], seen.settled) == ("reserved", [], True)
    assert [(status, instance) for _, status, instance in await every_of(driver, before)] == [("reserved", server)]
    await attach(driver, server, meanwhile)
    [one] = (await driver.collections[Kind.VOLUME].get(meanwhile)).document["attachments"]
    assert (one["server_id"], one["device"]) == (server, None)
    await act(driver, server, {"unshelve": None}, "ACTIVE")
    for volume in (before, meanwhile):
        await volume_in(driver, volume, "in-use")
        [one] = (await driver.collections[Kind.VOLUME].get(volume)).document["attachments"]
        assert one["device"].startswith("/dev/")


async def attach(driver: Driver, server: str, volume: str) -> None:
    """Attached when this returns."""
    body = {"volumeAttachment": {"volumeId": volume}}
    assert (await driver.call(Kind.SERVER, server, "POST", "/os-volume_attachments", body)).status in (200, 202)
    await volume_in(driver, volume, "in-use")


async def test_attachments_by_block_storage_alone(bench: Bench, driver: Driver) -> None:
    """Reserved, connected, completed and ended by live calls below the volume, which tells of it at each look."""
    volume = (await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})).external_id
    instance = "22222222-2222-4222-8222-222222222222"
    wanted = {"volume_uuid": volume, "instance_uuid": instance, "mode": "ro"}
    answer = await driver.call(Kind.VOLUME, volume, "POST", "/attachments", {"attachment": wanted})
    assert answer.body is not None
    one = answer.body["attachment"]["id"]
    assert await every_of(driver, volume) == [(one, "reserved", instance)]
    again = await driver.call(Kind.VOLUME, volume, "POST", "/attachments", {"attachment": {"volume_uuid": volume}})
    assert again.status == 400
    connector = {"initiator": "iqn.1993-08.org.debian:01:suite", "ip": "192.0.2.1", "host": "suite", "multipath": False}
    answer = await driver.call(
        Kind.VOLUME, volume, "PUT", f"/attachments/{one}", {"attachment": {"connector": connector}}
    )
    assert answer.body is not None
    assert answer.body["attachment"]["connection_info"]["attachment_id"] == one
    assert await every_of(driver, volume) == [(one, "attaching", instance)]
    answer = await driver.call(Kind.VOLUME, volume, "POST", f"/attachments/{one}/action", {"os-complete": None})
    assert answer.status == 204
    assert await every_of(driver, volume) == [(one, "attached", instance)]
    assert (await driver.call(Kind.VOLUME, volume, "DELETE", f"/attachments/{one}")).status == 200
    await volume_in(driver, volume, "available")
    gone = await driver.call(Kind.VOLUME, volume, "GET", f"/attachments/{one}")
    assert gone.status == 404, "the attachment has ended, which does not make the volume gone"


async def test_a_volume_that_is_being_attached_is_on_its_way(bench: Bench, driver: Driver) -> None:
    """Its `attaching` does not last, as `reserved` does."""
    volume = (await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})).external_id
    assert (await driver.call(Kind.VOLUME, volume, "POST", "/action", {"os-reserve": {}})).status == 202
    assert (await driver.collections[Kind.VOLUME].get(volume)).settled is False
    assert (await driver.call(Kind.VOLUME, volume, "POST", "/action", {"os-unreserve": {}})).status == 202
    seen = await driver.collections[Kind.VOLUME].get(volume)
    assert (seen.settled, seen.document["status"]) == (True, "available")


async def test_a_servers_attachment_is_told_and_not_ended_by_block_storage(
    bench: Bench, ground: Ground, driver: Driver
) -> None:
    """Cinder asks Nova first (cinder 29.0.0 volume/api.py `attachment_deletion_allowed`)."""
    server = (await bench.ready(Kind.SERVER, ground.server())).external_id
    volume = (await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})).external_id
    await attach(driver, server, volume)
    [(one, status, instance)] = await every_of(driver, volume)
    assert (status, instance) == ("attached", server)
    assert (await driver.call(Kind.VOLUME, volume, "DELETE", f"/attachments/{one}")).status == 409
    assert (await driver.call(Kind.SERVER, server, "DELETE", f"/os-volume_attachments/{volume}")).status == 202
    await volume_in(driver, volume, "available")


async def every_of(driver: Driver, external_id: str) -> list[tuple[str, str, str]]:
    """Id, status and instance of all that hold a volume."""
    seen = (await driver.collections[Kind.VOLUME].get(external_id)).document
    return [(one["id"], one["status"], one["instance"]) for one in seen["every_attachment"]]


async def volume_in(driver: Driver, external_id: str, status: str) -> None:
    """Waits for the volume's status."""
    end = time.monotonic() + LIMIT
    while (seen := await driver.collections[Kind.VOLUME].get(external_id)).document["status"] != status:
        assert time.monotonic() < end, f"volume {external_id} is {seen.document['status']}, not {status}"
        await asyncio.sleep(0.2)


async def test_a_server_boots_from_a_volume_of_an_image(bench: Bench, ground: Ground) -> None:
    """The volume is made from the image first; the server has no image of its own then."""
    volume = await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1, "imageRef": ground.image})
    assert volume.document["bootable"] == "true"
    named = await bench.driver.collections[Kind.VOLUME].update(volume.external_id, {"name": "suite too"})
    assert named.document["volume_image_metadata"] == volume.document["volume_image_metadata"]
    disk = {"uuid": volume.external_id, "source_type": "volume", "destination_type": "volume", "boot_index": 0}
    body = {key: value for key, value in ground.server().items() if key != "imageRef"}
    server = await bench.ready(Kind.SERVER, body | {"block_device_mapping_v2": [disk]})
    assert server.document["image"] == ""


async def test_the_other_feeds(bench: Bench, ground: Ground, driver: Driver) -> None:
    """Volumes, snapshots and ports are listed; a kind without a feed says so."""
    volume = await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})
    snapshot = await bench.ready(Kind.SNAPSHOT, {"name": "suite", "volume_id": volume.external_id})
    port = await bench.make(Kind.PORT, {"network_id": ground.network})
    for kind, made in ((Kind.VOLUME, volume), (Kind.SNAPSHOT, snapshot), (Kind.PORT, port)):
        changes = await driver.changes(kind, None)
        (item,) = [one for one in changes.items if one.external_id == made.external_id]
        assert item.document["status"] == made.document["status"]
        assert changes.watermark.tzinfo is not None


async def test_files_and_hostname_have_no_microversion_in_common(ground: Ground, driver: Driver) -> None:
    """Each alone is accepted somewhere; both in one body are refused before anything is made."""
    mark = str(uuid.uuid4())
    body = ground.server(hostname="suite", personality=[{"path": "/x", "contents": ""}])
    with pytest.raises(Permanent) as refusal:
        await driver.collections[Kind.SERVER].create(mark, body)
    assert isinstance(refusal.value, Unsupported)
    assert "server.hostname" in refusal.value.message
    assert await driver.collections[Kind.SERVER].find(mark) is None
