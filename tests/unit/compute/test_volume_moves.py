"""Which volumes may follow a shelved server, on both databases: one test a rule, and nothing is left of a refusal."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.compute.test_server_moves import SHELVED, SNAPSHOT
from tests.unit.compute.test_servers import ME, NOW, ZONES, an_image, asked, observe, seen
from vregion.drivers.contract import Observed
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.servers import body
from vregion.region import (
    attachments,
    leases,
    realizations,
    resources,
    server_boots,
    server_changes,
    server_moves,
    servers,
    usages,
    volume_copies,
    volume_creates,
    volume_moves,
    volumes,
)
from vregion.region.regions import Region, Transaction
from vregion.region.server_moves import Shelved

AZ2 = ZONES[1]
HELD = {"id": "held", "status": "reserved", "instance": "external", "attached_at": "", "attach_mode": "null"}


def told(status: str = "reserved", **more: Any) -> Observed:
    """A volume as its cloud shows it."""
    document = {"status": status, "size": 1, "bootable": "false", "multiattach": False, "encrypted": False}
    document |= {"attachments": [], attachments.EVERY: [HELD], "metadata": {}}
    return Observed("volume-here", document | more, settled=status != "reserved")


async def shelved(region: Region, rooted: bool = False) -> tuple[Resource, Resource]:
    """A server that is SHELVED_OFFLOADED in az1, and the volume that its cloud has reserved for it."""
    async with region.write() as tx:
        image = await an_image(tx)
        volume = {"source_type": "image", "destination_type": "volume", "uuid": image, "volume_size": 1}
        volume |= {"boot_index": 0 if rooted else -1, "tag": "data", "delete_on_termination": True}
        root = {"source_type": "image", "destination_type": "local", "uuid": image, "boot_index": 0}
        named = {} if rooted else {"imageRef": image}
        mapped = [volume] if rooted else [root, volume]
        (server,) = await server_boots.boot(tx, asked(block_device_mapping_v2=mapped, **named))
        for kind, name, external in (
            (Kind.SERVER, server.id, "external"),
            (Kind.VOLUME, server.spec["volumes"][0]["volumeId"], "volume-here"),
        ):
            (there,) = await realizations.of_resource(tx, kind, name)
            await leases.save(tx, there, external_id=external, state=State.READY)
    await observe(region, server, seen())
    server = await observe(region, server, seen("SHELVED_OFFLOADED", "shelved_offloaded"))
    return server, await look(region, server.spec["volumes"][0]["volumeId"], told())


async def look(region: Region, volume_id: str, observed: Observed) -> Resource:
    async with region.write() as tx:
        await volume_moves.settled(tx, await volumes.get(tx, volume_id, ME.project_id), observed)
        await realizations.forget_needs(tx, Kind.VOLUME, volume_id)
        return await volumes.get(tx, volume_id, ME.project_id)


async def move(region: Region, server: Resource, known: Shelved = SHELVED) -> Resource:
    async with region.write() as tx:
        await server_moves.begin(tx, replace(ME, request_id="req-to"), server, AZ2, known, NOW)
        return await servers.get(tx, server.id, None)


async def refused(region: Region, server: Resource, words: str) -> None:
    """Refused with these words; the rows are what they were."""
    before = await state(region, server)
    with pytest.raises(Conflict, match=words):
        await move(region, server)
    assert await state(region, server) == before


async def state(region: Region, server: Resource) -> tuple[Any, ...]:
    async with region.read() as tx:
        current = await servers.get(tx, server.id, None)
        ids = [entry["volumeId"] for entry in current.spec["volumes"]]
        kept = await resources.find_many(tx, Kind.VOLUME, ids)
        return current, kept, await realizations.resources_on(tx, "two"), await used(tx)


async def used(tx: Transaction) -> list[int]:
    known = await usages.limits(tx, ME.project_id)
    return [known[name][1] for name in ("instances", "volumes", "gigabytes", "snapshots", "images")]


async def change(region: Region, volume: Resource, **spec: Any) -> None:
    async with region.write() as tx:
        await volumes.write(tx, volume, NOW, spec={**volume.spec, **spec})


async def test_it_is_expected_there_and_still_here(region: Region) -> None:
    server, volume = await shelved(region)
    async with region.read() as tx:
        before = await used(tx)
    await move(region, server)
    async with region.read() as tx:
        moving = await volumes.get(tx, volume.id, ME.project_id)
        places = {r.backend_id: r for r in await realizations.of_resource(tx, Kind.VOLUME, volume.id)}
        (helper,) = await resources.children(tx, Kind.VOLUME, volume.id)
        after = await used(tx)
    assert (moving.status, moving.availability_zone, moving.backend_id) == ("maintenance", "az1", "one")
    assert volumes.document(moving)["metadata"] == {
        volume_copies.COPY: "1/3: a volume of it is being made in az1",
    }
    assert {name: (r.state, r.wanted) for name, r in places.items()} == {
        "one": (State.READY, True),
        "two": (State.PENDING, True),
    }
    assert (helper.spec["source_volid"], helper.backend_id, helper.project_id) == (volume.id, "one", "vregion")
    assert before == after, "the image of the server's disk was counted when it was shelved"
    assert after[-1] == 2, "that which it booted from, and that of its disk"


async def test_nothing_else_is_done_with_it_meanwhile(region: Region) -> None:
    server, volume = await shelved(region)
    await move(region, server)
    moving = await look(region, volume.id, told("in-use"))
    assert (moving.status, volume_copies.COPY in moving.spec) == ("maintenance", True)
    async with region.write() as tx:
        with pytest.raises(Exception, match="source volume status must be one of"):
            await volume_creates.create(tx, ME, {"size": 1, "source_volid": volume.id}, ZONES, NOW)
        with pytest.raises(Exception, match="Volume status must be available"):
            await volumes.delete(tx, moving, NOW)
        with pytest.raises(Exception, match="to extend, but current status"):
            await volumes.extending(tx, moving, 5, NOW)


async def test_it_is_attached_there_as_here(region: Region) -> None:
    server, volume = await shelved(region)
    moved = await move(region, server, Shelved(SNAPSHOT, {volume.id: "/dev/vdb"}))
    image = moved.spec["moving"]["image"]
    named = {(Kind.FLAVOR, "1"): "f", (Kind.IMAGE, image): "copy", (Kind.VOLUME, volume.id): "volume-there"}
    root, data = body(moved, named)["block_device_mapping_v2"]
    assert (root["source_type"], root["uuid"], root["boot_index"]) == ("image", "copy", 0)
    assert (data["source_type"], data["destination_type"], data["uuid"]) == ("volume", "volume", "volume-there")
    assert (data["device_name"], data["tag"], data["delete_on_termination"]) == ("/dev/vdb", "data", True)
    assert data["boot_index"] == -1


async def test_what_was_attached_later_comes_in_the_order_of_its_devices(region: Region) -> None:
    server, volume = await shelved(region)
    more = [{"volumeId": name, "delete_on_termination": False, "attachment_id": name} for name in ("late", "later")]
    devices = {volume.id: "/dev/vdaa", "late": "/dev/vdc", "later": "/dev/vdb"}
    spec = {**server.spec, "volumes": [*server.spec["volumes"], *more], "block_device_mapping_v2": []}
    spec["moving"] = {"image": "i", "keypair": None, "group": False, "devices": devices}
    named = {(Kind.VOLUME, name): name for name in devices} | {(Kind.FLAVOR, "1"): "f", (Kind.IMAGE, "i"): "i"}
    disks = body(replace(server, spec=spec), named)["block_device_mapping_v2"]
    assert [disk["uuid"] for disk in disks] == ["i", "later", "late", volume.id]


async def test_one_that_boots_from_a_volume_has_no_image(region: Region) -> None:
    server, volume = await shelved(region, rooted=True)
    moved = await move(region, server, Shelved(None, {volume.id: "/dev/vda"}))
    made = body(moved, {(Kind.FLAVOR, "1"): "f", (Kind.VOLUME, volume.id): "there"})
    (root,) = made["block_device_mapping_v2"]
    assert "imageRef" not in made
    assert (root["uuid"], root["boot_index"], root["device_name"]) == ("there", 0, "/dev/vda")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"encrypted": True}, "it is encrypted, and its key stays where it is"),
        ({volumes.READONLY: "True"}, "it is read-only"),
        ({"group_id": "g1"}, "its group g1 stays together"),
        ({"volume_type": "fast", "volume_type_id": "t"}, "there is no volume type fast in az2"),
    ],
)
async def test_what_it_is_may_keep_it(region: Region, spec: dict[str, Any], words: str) -> None:
    server, volume = await shelved(region)
    await change(region, volume, **spec)
    await refused(region, server, f"volume {volume.id} cannot follow it: {words}")


async def test_not_one_that_its_cloud_calls_encrypted(region: Region) -> None:
    server, volume = await shelved(region)
    volume = await look(region, volume.id, told(encrypted=True))
    assert volumes.document(volume)["encrypted"] is True
    await refused(region, server, "it is encrypted")


async def test_not_with_snapshots(region: Region) -> None:
    server, volume = await shelved(region)
    async with region.write() as tx:
        kept = replace(volume, id="s1", kind=Kind.SNAPSHOT, parent_id=volume.id)
        await resources.insert_resource(tx, kept)
    await refused(region, server, "its snapshots would be lost: s1")


async def test_not_when_another_has_it_too(region: Region) -> None:
    server, volume = await shelved(region)
    async with region.write() as tx:
        await attachments.reserve(tx, volume, "a2", "another", NOW)
    await refused(region, server, "it is attached to something else, too")


@pytest.mark.parametrize("status", ["uploading", "backing-up", "extending", "error", "available"])
async def test_not_while_it_is_at_work(region: Region, status: str) -> None:
    server, volume = await shelved(region)
    async with region.write() as tx:
        await volumes.write(tx, volume, NOW, status=status)
    await refused(region, server, f"it is {status}")


async def test_not_while_it_is_being_detached(region: Region) -> None:
    server, volume = await shelved(region)
    async with region.write() as tx:
        await server_changes.change_attachment(tx, server.id, volume.id, {"detaching": True}, NOW)
        server = await servers.get(tx, server.id, None)
    await refused(region, server, "it is detaching")


async def test_not_while_something_is_made_of_it(region: Region) -> None:
    server, volume = await shelved(region)
    async with region.write() as tx:
        kept = replace(volume, id="b1", kind=Kind.BACKUP, parent_id=None)
        await resources.insert_resource(tx, kept)
        await realizations.need(tx, kept, [(Kind.VOLUME, volume.id)])
        await realizations.want(tx, Kind.BACKUP, "b1", "one", NOW)
    await refused(region, server, "something is being made of it")


async def test_not_before_an_earlier_move_has_been_cleaned_up(region: Region) -> None:
    server, volume = await shelved(region)
    async with region.write() as tx:
        await realizations.expect(tx, Kind.VOLUME, volume.id, "three")
        await realizations.unwant(tx, Kind.VOLUME, volume.id, NOW, "three")
    await refused(region, server, "what is left of an earlier move")


async def test_arrived_it_is_there_alone(region: Region) -> None:
    server, volume = await shelved(region)
    await arrived(region, await move(region, server))
    async with region.read() as tx:
        there = await volumes.get(tx, volume.id, ME.project_id)
        places = {r.backend_id: r.wanted for r in await realizations.of_resource(tx, Kind.VOLUME, volume.id)}
        (one,) = await attachments.of_volume(tx, volume.id)
        assert (await used(tx))[:3] == [1, 1, 1]
    assert (there.status, there.availability_zone, there.backend_id) == ("attaching", "az2", "two")
    assert places == {"one": False, "two": True}
    assert (one.id, one.backend_id) == (server.spec["volumes"][0]["attachment_id"], "two")
    late = await look(region, volume.id, told("error", attachments=[]))
    assert (late.status, late.backend_id) == ("attaching", "two"), "a late look at where it was"


async def arrived(region: Region, server: Resource) -> None:
    """The new one was seen ACTIVE, under the external id 'new'."""
    async with region.write() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server.id, "two")
        assert there is not None
        await leases.save(tx, there, external_id="new")
        await server_moves.settled(tx, server, Observed("new", seen().document, settled=True))


async def test_a_copy_that_comes_to_nothing_is_told_to_whom_waits_for_it(region: Region) -> None:
    server, volume = await shelved(region)
    await move(region, server)
    async with region.write() as tx:
        (image,) = await resources.children(tx, Kind.IMAGE, volume.id)
        await volumes.copy_failed(tx, image, "the store is full")
        there = await realizations.on_backend(tx, Kind.VOLUME, volume.id, "two")
        kept = await volumes.get(tx, volume.id, ME.project_id)
    assert there is not None
    assert (there.state, there.reason) == (
        State.ERROR,
        "The copy from availability zone az1 failed: the store is full",
    )
    assert kept.status == "maintenance", "the server ends it"


async def test_refused_there_it_is_what_it_was(region: Region) -> None:
    server, volume = await shelved(region)
    await move(region, server)
    async with region.write() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server.id, "two")
        assert there is not None
        await leases.save(tx, there, state=State.ERROR)
        await server_moves.stopped(tx, await servers.get(tx, server.id, None), "No valid host was found.")
    async with region.read() as tx:
        kept = await volumes.get(tx, volume.id, ME.project_id)
        places = {r.backend_id: r.wanted for r in await realizations.of_resource(tx, Kind.VOLUME, volume.id)}
        assert all(one.deleting for one in await resources.children(tx, Kind.VOLUME, volume.id))
    assert (kept.status, kept.backend_id) == ("reserved", "one")
    assert (volume_copies.MOVING in kept.spec, volume_copies.COPY in kept.spec) == (False, False)
    assert places == {"one": True, "two": False}


async def test_lost_at_home_while_it_moves_is_told_when_it_stays(region: Region) -> None:
    server, volume = await shelved(region)
    await move(region, server)
    async with region.write() as tx:
        home = await realizations.on_backend(tx, Kind.VOLUME, volume.id, "one")
        assert home is not None
        await leases.save(tx, home, state=State.LOST)
        await volume_moves.lost(tx, await volumes.get(tx, volume.id, ME.project_id))
        assert (await volumes.get(tx, volume.id, ME.project_id)).status == "maintenance"
        await volume_moves.stay(tx, volume.id, NOW)
        lost = await volumes.get(tx, volume.id, ME.project_id)
    assert (lost.status, "is gone from its availability zone az1" in lost.spec[volumes.FAULT]) == ("error", True)
