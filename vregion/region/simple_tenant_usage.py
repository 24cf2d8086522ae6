"""Hours of servers within a period, summed by project. Called by the API of the same name; reads rows only.

A server counts from its launch, a deleted one until it ended, as long as `deleted_servers` keeps it: metering keeps the
rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vregion.model.refusals import Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `stop`, seen from `now`."""

    start: datetime
    stop: datetime
    now: datetime


async def servers(
    tx: Transaction, project_id: str | None, limit: int, marker: str | None, period: Period
) -> Sequence[Resource]:
    """A page of launched servers, by id as Nova pages them. Raises Invalid for a marker that is none of them."""
    if marker is not None:
        kinds = (Kind.SERVER, Kind.DELETED_SERVER)
        if not any([await resources.find(tx, kind, marker, project_id) for kind in kinds]):
            raise Invalid(f"Marker {marker} could not be found.")
    lasted = [Filter("kind", [Kind.SERVER], "among"), Filter("updated_at", period.start, "ge")]
    known = [Filter("created_at", period.stop, "le"), Filter("launched_at", False, "null")]
    known.append(Filter("", lasted, "any"))
    query = Query(Kind.SERVER, project_id, known, (("id", True),), limit, marker, also=Kind.DELETED_SERVER)
    return await resources.list_resources(tx, query)


def of_projects(found: Iterable[Resource], period: Period) -> list[dict[str, Any]]:
    """Nova's usage documents, one for each project that has servers among these."""
    usages: dict[str, list[dict[str, Any]]] = {}
    for server in found:
        usages.setdefault(server.project_id, []).append(_usage(server, period))
    return [_summary(project_id, items, period) for project_id, items in usages.items()]


def _usage(server: Resource, period: Period) -> dict[str, Any]:
    launched, ended = _at(server.spec["launched_at"]), _at(server.spec.get("terminated_at"))
    assert launched is not None
    flavor, until = server.spec["flavor"], ended or period.now
    seconds = (min(period.stop, until) - max(launched, period.start)).total_seconds()
    return {
        "hours": max(seconds, 0.0) / 3600,
        "flavor": flavor["original_name"],
        "instance_id": server.id,
        "name": server.name,
        "tenant_id": server.project_id,
        "memory_mb": flavor["ram"],
        "local_gb": flavor["disk"] + flavor["ephemeral"],
        "vcpus": flavor["vcpus"],
        "started_at": _time(launched),
        "ended_at": _time(ended) if ended else None,
        "state": "terminated" if ended else server.spec["vm_state"],
        "uptime": int((until - launched).total_seconds()),
    }


def _at(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _summary(project_id: str, usages: list[dict[str, Any]], period: Period) -> dict[str, Any]:
    return {
        "tenant_id": project_id,
        "server_usages": usages,
        "total_local_gb_usage": sum(usage["local_gb"] * usage["hours"] for usage in usages),
        "total_vcpus_usage": sum(usage["vcpus"] * usage["hours"] for usage in usages),
        "total_memory_mb_usage": sum(usage["memory_mb"] * usage["hours"] for usage in usages),
        "total_hours": sum(usage["hours"] for usage in usages),
        "start": _time(period.start),
        "stop": _time(period.stop),
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
