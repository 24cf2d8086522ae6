"""Messages: each failure one, the zone's own or ours, kept longer than what failed and no longer than thirty days."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.unit.block_storage.test_volumes import made
from tests.unit.image.clouds import CALLER, now
from vregion.drivers.contract import Observed
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import messages, resources, snapshots, volumes
from vregion.region.regions import Region, Transaction
from vregion.region.resources import Query


def told(identity: str, words: str = "extend volume:Volume Driver failed to extend volume.") -> dict[str, Any]:
    """As a zone tells it."""
    said = {"id": identity, "event_id": "VOLUME_VOLUME_007_010", "user_message": words, "message_level": "ERROR"}
    return said | {"request_id": "req-zone", "resource_type": "VOLUME", "created_at": "2026-11-01T10:00:00.000000"}


async def saw(tx: Transaction, volume: Resource, status: str, *said: dict[str, Any]) -> Resource:
    document = {"status": status, "size": 1, "attachments": [], "metadata": {}, "messages": list(said)}
    failed = f"the volume is in status {status}" if status.startswith("error") else None
    await volumes.settled(tx, await volumes.get(tx, volume.id, "p1"), Observed("ext", document, failed=failed))
    return await volumes.get(tx, volume.id, "p1")


async def listed(tx: Transaction, project_id: str | None = "p1") -> list[dict[str, Any]]:
    query = Query(Kind.MESSAGE, project_id, messages.kept(now()), (("created_at", True),))
    return [orjson.loads(one.document) for one in await resources.list_resources(tx, query)]


async def test_what_a_zone_tells_is_told_once_under_an_id_of_ours(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await saw(tx, volume, "error_extending", told("m1"))
        await saw(tx, volume, "error_extending", told("m2", "again"), told("m1"))
        first, second = sorted(await listed(tx), key=lambda one: one["user_message"] == "again")
    assert first["id"] not in ("m1", second["id"])
    assert (first["event_id"], first["resource_uuid"]) == ("VOLUME_VOLUME_007_010", volume.id)
    assert (first["request_id"], first["created_at"]) == ("req-zone", "2026-11-01T10:00:00.000000")
    assert second["user_message"] == "again"
    assert first["guaranteed_until"] > messages.stamp(now() + timedelta(days=29))


async def test_each_failure_that_a_zone_says_nothing_of_is_one_of_ours(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        for _ in range(2):
            volume = await volumes.write(tx, volume, now(), status="extending")
            await saw(tx, volume, "error_extending")
            await saw(tx, volume, "error_extending")
            volume = await saw(tx, volume, "available")
        found = await listed(tx)
    assert [one["event_id"] for one in found] == ["VOLUME_VOLUME_007_010"] * 2
    assert {one["user_message"] for one in found} == {"extend volume:the volume is in status error_extending"}


async def test_what_is_refused_or_lost_is_told(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        snapshot = await snapshots.create(tx, CALLER, {"volume_id": volume.id}, now())
        await snapshots.stopped(tx, snapshot, "no room")
        await volumes.lost(tx, volume)
        await volumes.lost(tx, await volumes.get(tx, volume.id, "p1"))
        by_type = {one["resource_type"]: one for one in await listed(tx)}
        assert len(await listed(tx)) == 2
    refused, lost = by_type["VOLUME_SNAPSHOT"], by_type["VOLUME"]
    assert (refused["event_id"], refused["user_message"]) == (
        "VOLUME_VOLUME_SNAPSHOT_009_013",
        "create snapshot:no room",
    )
    assert (lost["event_id"], lost["request_id"]) == ("VOLUME_VOLUME__001", None)
    assert "is gone from its availability zone az1" in lost["user_message"]


async def test_they_outlive_the_volume_and_end_when_deleted(region: Region) -> None:
    async with region.write() as tx:
        volume = await saw(tx, await made(tx), "error", told("m1"))
        await volumes.vanished(tx, volume)
        await resources.remove(tx, Kind.VOLUME, volume.id)
        [one] = await listed(tx)
        assert await listed(tx, "p2") == []
        with pytest.raises(NotFound, match="Message"):
            await messages.get(tx, one["id"], "p2", now())
        await messages.delete(tx, await messages.get(tx, one["id"], "p1", now()))
        assert await listed(tx) == []
        with pytest.raises(NotFound):
            await messages.get(tx, one["id"], "p1", now())
        await messages.failed(tx, volume, "words", now(), [told("m1")])
        assert await listed(tx) == [], "what its zone still says does not come back"


async def test_after_thirty_days_they_are_gone(region: Region) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        await messages.failed(tx, volume, "long ago", now() - timedelta(days=30, seconds=1))
        await messages.failed(tx, volume, "lately", now() - timedelta(days=29))
        assert [one["user_message"].split(":")[1] for one in await listed(tx)] == ["lately"]
        await messages.failed(tx, volume, "now", now())
        assert len(await resources.list_resources(tx, Query(Kind.MESSAGE))) == 2
