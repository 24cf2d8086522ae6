"""Migrations: a resize is one, from the request to its end, and goes with the server."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.unit.compute.test_servers import LARGE, ME, NOW, booted, observe, seen
from vregion.model.observed import Observed
from vregion.model.resource import Kind, Resource
from vregion.region import resources, server_changes, server_migrations, servers
from vregion.region.regions import Region

AT_WORK = seen("RESIZE", "active", "resize_prep")
MIGRATED = seen("RESIZE", "active", "resize_finish")
ARRIVED = seen("VERIFY_RESIZE", "resized", flavor=LARGE)


async def resized(region: Region, at: datetime) -> Resource:
    """A server for which a resize was asked."""
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen())
    async with region.write() as tx:
        server = await server_changes.begin_resize(tx, server, "2", LARGE, at)
        await server_migrations.begin(tx, ME, server.id, at)
    return server


async def statuses(region: Region, server: Resource) -> list[str]:
    async with region.read() as tx:
        rows = await resources.children(tx, Kind.MIGRATION, server.id)
    assert {(row.project_id, row.user_id) for row in rows} <= {(ME.project_id, ME.user_id)}
    return [row.status for row in rows]


@pytest.mark.parametrize(
    ("looks", "ends"),
    [
        ([AT_WORK], "pre-migrating"),
        ([AT_WORK, MIGRATED], "post-migrating"),
        ([AT_WORK, ARRIVED], "finished"),
        ([ARRIVED, seen(flavor=LARGE)], "confirmed"),
        ([ARRIVED, seen("REVERT_RESIZE", "resized", "resize_reverting", flavor=LARGE)], "reverting"),
        ([ARRIVED, seen()], "reverted"),
        ([AT_WORK, seen()], "error"),  # back where it was, and never arrived
        ([AT_WORK, seen("ERROR", "error", flavor=LARGE)], "error"),
    ],
)
async def test_it_follows_what_is_seen(region: Region, looks: list[Observed], ends: str) -> None:
    server = await resized(region, NOW)
    assert await statuses(region, server) == ["pre-migrating"]
    for look in looks:
        server = await observe(region, server, look)
    assert await statuses(region, server) == [ends]


async def test_it_stays_confirming_until_it_is_confirmed(region: Region) -> None:
    server = await observe(region, await resized(region, NOW), ARRIVED)
    async with region.write() as tx:
        await server_changes.confirming(tx, server.id, NOW)
    server = await observe(region, server, ARRIVED)
    assert await statuses(region, server) == ["confirming"]
    await observe(region, server, seen(flavor=LARGE))
    assert await statuses(region, server) == ["confirmed"]


async def test_what_has_ended_is_left_alone(region: Region) -> None:
    server = await resized(region, NOW)
    for look in (ARRIVED, seen()):
        server = await observe(region, server, look)
    async with region.write() as tx:
        await server_changes.begin_resize(tx, server, "2", LARGE, datetime.now(UTC))
        await server_migrations.begin(tx, ME, server.id, datetime.now(UTC))
    await observe(region, server, ARRIVED)
    assert sorted(await statuses(region, server)) == ["finished", "reverted"]


async def test_a_refused_one_was_none(region: Region) -> None:
    server = await resized(region, NOW)
    async with region.write() as tx:
        await server_changes.forget_resize(tx, server.id, NOW)
    assert await statuses(region, server) == []


async def test_it_goes_with_its_server(region: Region) -> None:
    server = await resized(region, NOW)
    async with region.write() as tx:
        await server_migrations.begin(tx, ME, other := str(uuid4()), NOW)
        await servers.vanished(tx, await servers.get(tx, server.id, None))
        assert await resources.children(tx, Kind.MIGRATION, server.id) == []
        assert len(await resources.children(tx, Kind.MIGRATION, other)) == 1
