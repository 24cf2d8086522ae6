"""The default volume types of projects: what a volume gets that names no type and has none from its source.

A row has the project's id. Called by the block storage API and by `volume_creates`. Only types of the tenant's zones
are chosen; one that no zone has any more is passed over.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.resources import Query


async def of(tx: Transaction, project_id: str) -> str | None:
    """The id of a project's type, if it has one."""
    found = await resources.find(tx, Kind.DEFAULT_TYPE, project_id)
    return str(found.spec["volume_type_id"]) if found else None


async def listed(tx: Transaction) -> dict[str, str]:
    """All of them: project -> type id."""
    found = await resources.list_resources(tx, Query(Kind.DEFAULT_TYPE))
    return {one.id: one.spec["volume_type_id"] for one in found}


async def choose(tx: Transaction, caller: Caller, project_id: str, kind: Mapping[str, Any], now: datetime) -> None:
    """The project's from now on; what it has already stays as it is."""
    await unset(tx, project_id)
    row = Resource(
        id=project_id,
        kind=Kind.DEFAULT_TYPE,
        project_id=project_id,
        user_id=caller.user_id,
        name=kind["name"],
        status="",
        created_at=now,
        updated_at=now,
        spec={"volume_type_id": kind["id"]},
    )
    await resources.insert_resource(tx, row)


async def unset(tx: Transaction, project_id: str) -> None:
    """The zones' own default again."""
    await resources.remove(tx, Kind.DEFAULT_TYPE, project_id)
