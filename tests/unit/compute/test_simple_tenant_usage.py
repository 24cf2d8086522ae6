"""Hours of servers: from the launch, within the period, by project."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.region.rows import NOON, resource
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import resources, simple_tenant_usage
from vregion.region.regions import Region
from vregion.region.simple_tenant_usage import Period

FLAVOR = {"original_name": "m1.small", "ram": 2048, "disk": 20, "ephemeral": 4, "vcpus": 2}


def server(launched: str | None, project_id: str = "p1") -> Resource:
    spec = {"launched_at": launched, "vm_state": "active", "flavor": FLAVOR}
    return resource(Kind.SERVER, spec=spec, project_id=project_id)


async def test_hours_run_from_the_launch_or_the_periods_start(region: Region) -> None:
    now = NOON + timedelta(hours=10)
    period = Period(NOON + timedelta(hours=2), NOON + timedelta(hours=6), now)
    rows = [server("2026-01-01T12:00:00.000000"), server("2026-01-01T17:00:00.000000"), server(None)]
    rows.append(server("2026-01-01T21:00:00.000000"))
    async with region.write() as tx:
        await resources.insert_resources(tx, [*rows, server("2026-01-01T12:00:00.000000", "p2")])
    async with region.read() as tx:
        found = await simple_tenant_usage.servers(tx, "p1", 100, None, period)
        everywhere = await simple_tenant_usage.servers(tx, None, 100, None, period)
    (usage,) = simple_tenant_usage.of_projects(found, period)
    hours = {item["instance_id"]: item["hours"] for item in usage["server_usages"]}
    assert hours == {rows[0].id: 4.0, rows[1].id: 1.0, rows[3].id: 0.0}
    assert usage["total_hours"] == 5.0
    assert usage["total_vcpus_usage"] == 10.0
    assert usage["total_local_gb_usage"] == 120.0
    assert usage["total_memory_mb_usage"] == 10240.0
    assert usage["server_usages"][0]["uptime"] > 0
    assert {item["tenant_id"] for item in simple_tenant_usage.of_projects(everywhere, period)} == {"p1", "p2"}


async def test_a_deleted_server_counts_until_it_ended(region: Region) -> None:
    period = Period(NOON + timedelta(hours=2), NOON + timedelta(hours=6), NOON + timedelta(hours=10))

    def buried(hour: int) -> Resource:
        spec = {**server("2026-01-01T12:00:00.000000").spec, "terminated_at": f"2026-01-01T{hour}:00:00.000000"}
        ended = NOON + timedelta(hours=hour - 12)
        return replace(resource(Kind.DELETED_SERVER, spec=spec, project_id="p1"), updated_at=ended)

    rows = [buried(17), buried(13), buried(20)]
    async with region.write() as tx:
        await resources.insert_resources(tx, rows)
    async with region.read() as tx:
        found = await simple_tenant_usage.servers(tx, "p1", 100, None, period)
        assert not await simple_tenant_usage.servers(tx, "p1", 100, max(one.id for one in rows), period)
    (usage,) = simple_tenant_usage.of_projects(found, period)
    hours = {item["instance_id"]: (item["hours"], item["uptime"], item["state"]) for item in usage["server_usages"]}
    assert hours == {rows[0].id: (3.0, 18000, "terminated"), rows[2].id: (4.0, 28800, "terminated")}
    assert usage["server_usages"][0]["ended_at"].startswith("2026-01-01T")


async def test_pages_end_and_a_foreign_marker_is_refused(region: Region) -> None:
    period = Period(NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=1))
    rows = [server("2026-01-01T12:00:00.000000") for _ in range(3)]
    other = server("2026-01-01T12:00:00.000000", "p2")
    async with region.write() as tx:
        await resources.insert_resources(tx, [*rows, other])
    async with region.read() as tx:
        first = await simple_tenant_usage.servers(tx, "p1", 2, None, period)
        rest = await simple_tenant_usage.servers(tx, "p1", 2, first[-1].id, period)
        assert sorted(s.id for s in [*first, *rest]) == sorted(s.id for s in rows)
        with pytest.raises(Invalid, match="could not be found"):
            await simple_tenant_usage.servers(tx, "p1", 2, other.id, period)
