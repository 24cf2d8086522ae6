"""What a backend's word makes of the rows of attachments, and what intents become that nobody answered."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.block_storage.test_volumes import made
from tests.unit.image.clouds import now
from tests.unit.region.rows import resource
from vregion.drivers.contract import Observed
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import attachments, leases, realizations, resources, volumes
from vregion.region.regions import Region, Transaction

SOON = timedelta(seconds=90)


def told(external_id: str, status: str, instance: str | None = None, **more: Any) -> dict[str, Any]:
    """One attachment, as the driver tells it."""
    return {"id": external_id, "status": status, "instance": instance, "attached_at": "", "attach_mode": None, **more}


async def saw(tx: Transaction, volume: Resource, status: str, *every: dict[str, Any]) -> Resource:
    """The backend shows the volume so, with all that hold it."""
    shown = [
        {"attachment_id": one["id"], "server_id": one["instance"], "device": "/dev/vdb", "attached_at": "t"}
        for one in every
        if one["status"] == "attached"
    ]
    document = {"status": status, "size": 1, "metadata": {}, "attachments": shown, attachments.EVERY: list(every)}
    current = await volumes.get(tx, volume.id, "p1")
    await volumes.settled(tx, current, Observed("ext", document, settled=status in ("available", "in-use")))
    return await volumes.get(tx, volume.id, "p1")


async def begun(tx: Transaction, volume: Resource, instance: str | None = None, mode: str | None = None) -> Resource:
    """An intent of block storage's own API."""
    return await volumes.begin_attachment(tx, volume, instance, mode, now(), now() + SOON)


async def known(tx: Transaction, volume: Resource) -> list[tuple[str, str | None, str]]:
    """Status, instance and external id of each row."""
    return [
        (row.status, row.spec["instance"], row.spec.get(attachments.EXTERNAL, ""))
        for row in await attachments.of_volume(tx, volume.id)
    ]


async def test_what_the_backend_has_and_we_did_not_make_is_listed_under_an_id_of_ours(region: Region) -> None:
    async with region.write() as tx:
        volume = await saw(tx, await made(tx), "in-use", told("ext-a", "attached", "foreign"))
        assert await known(tx, volume) == [("attached", "foreign", "ext-a")]
        [row] = await attachments.of_volume(tx, volume.id)
        assert row.id != "ext-a"
        assert [a["attachment_id"] for a in volume.spec["attachments"]] == [row.id]
        await saw(tx, volume, "in-use", told("ext-a", "attached", "foreign"))
        assert [again.id for again in await attachments.of_volume(tx, volume.id)] == [row.id]


async def test_a_servers_is_known_under_the_id_that_the_server_shows(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        entry = {"volumeId": volume.id, "attachment_id": "a-of-server"}
        await resources.insert_resource(tx, resource(Kind.SERVER, id="s1", spec={"volumes": [entry]}))
        await realizations.want(tx, Kind.SERVER, "s1", "b1", now())
        there = await realizations.on_backend(tx, Kind.SERVER, "s1", "b1")
        assert there is not None
        await leases.save(tx, there, external_id="ext-server")
        await saw(tx, volume, "in-use", told("ext-a", "attached", "ext-server"))
        row = await attachments.get(tx, "a-of-server", "p1")
        assert (row.spec["instance"], row.spec["device"]) == ("s1", "/dev/vdb")


async def test_an_intent_is_the_backends_attachment_for_the_same_instance(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        intent = await begun(tx, volume, "i1", "ro")
        await saw(tx, volume, "reserved", told("ext-a", "reserved", "i1", attach_mode="ro"))
        row = await attachments.get(tx, intent.id, "p1")
        assert (row.spec[attachments.EXTERNAL], attachments.UNTIL in row.spec) == ("ext-a", False)


async def test_an_intent_that_may_be_on_its_way_outlives_a_look_and_no_longer(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        intent = await begun(tx, volume)
        await saw(tx, volume, "available")
        assert await known(tx, volume) == [("reserved", None, "")]
        due = await leases.next_due(tx)
        assert due is not None
        assert due > now() + SOON / 2, "somebody looks when the time is over, whatever became of who asked"
        past = {**intent.spec, attachments.UNTIL: (now() - SOON).isoformat()}
        await resources.change(tx, intent, spec=past)
        await saw(tx, volume, "available")
        assert await known(tx, volume) == []


async def test_a_refused_intent_leaves_the_volume_as_it_was(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        intent = await begun(tx, volume)
        assert (await volumes.get(tx, volume.id, "p1")).status == "reserved"
        await volumes.not_attached(tx, intent, volume.status, now())
        assert (await volumes.get(tx, volume.id, "p1")).status == "available"
        with pytest.raises(NotFound, match=r"filter: attachment_id = .*\."):
            await attachments.get(tx, intent.id, "p1")
        await saw(tx, volume, "reserved", told("ext-a", "reserved"))  # it was made all the same
        assert await known(tx, volume) == [("reserved", None, "ext-a")]


async def test_what_the_backend_shows_no_more_has_ended(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await saw(tx, volume, "in-use", told("ext-a", "attached", "i1"), told("ext-b", "reserved", "i1"))
        await saw(tx, volume, "in-use", told("ext-b", "attached", "i1"))
        assert await known(tx, volume) == [("attached", "i1", "ext-b")]
        document = {"status": "in-use", "size": 1, "metadata": {}, "attachments": []}
        await volumes.settled(tx, await volumes.get(tx, volume.id, "p1"), Observed("ext", document))
        assert await known(tx, volume) == [], "an answer that names those attached alone tells of them"


async def test_who_may_reserve_what(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await begun(tx, volume, "i1")
        volume = await saw(tx, volume, "reserved", told("ext-a", "reserved", "i1"))
        with pytest.raises(Invalid, match=r"must be available or downloading to reserve, but the current .* reserved"):
            await begun(tx, volume, "i2")
        assert (await begun(tx, volume, "i1")).status == "reserved", "the same instance is moving"
        broken = await saw(tx, await made(tx), "error")
        with pytest.raises(Invalid, match="can not be created if the volume is in an error state"):
            await begun(tx, broken)
        booting = await made(tx)
        await volumes.reserve_attach(tx, booting, "s1", "a1", now())
        with pytest.raises(Invalid, match="but the current status is reserved"):
            await begun(tx, await saw(tx, booting, "available"))


async def test_a_volume_takes_its_attachments_along(region: Region) -> None:
    async with region.write() as tx:
        volume = await saw(tx, await made(tx), "in-use", told("ext-a", "attached", "i1"))
        await volumes.vanished(tx, volume)
        assert await known(tx, volume) == []
