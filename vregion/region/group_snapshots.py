"""Snapshots of groups: one snapshot of each of its volumes, made and deleted together, rows alone beside those.

Called by the block storage API. The state of a group snapshot follows its snapshots' (`members`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.caller import Caller
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import members, resources, snapshots, volumes
from vregion.region.regions import Transaction


def document(whole: Resource) -> dict[str, Any]:
    """Cinder's document at the newest microversion."""
    return {
        "id": whole.id,
        "group_id": whole.parent_id,
        "group_type_id": whole.spec["group_type_id"],
        "status": whole.status,
        "created_at": volumes.stamp(whole.created_at),
        "name": whole.spec["name"],
        "description": whole.spec["description"],
        "project_id": whole.project_id,
    }


async def get(tx: Transaction, snapshot_id: str, project_id: str | None) -> Resource:
    """A group snapshot of this project. Raises NotFound."""
    whole = await resources.find(tx, Kind.GROUP_SNAPSHOT, snapshot_id, project_id)
    if whole is None:
        raise NotFound(f"GroupSnapshot {snapshot_id} could not be found.")
    return whole


async def create(
    tx: Transaction, caller: Caller, group: Resource, wanted: Mapping[str, Any], now: datetime
) -> Resource:
    """One snapshot of each volume. Raises Invalid for an empty group, or one with a volume that is busy."""
    found = await members.of(tx, group)
    if not found:
        raise Invalid("Invalid Group: Source group is empty. No group snapshot will be created.")
    whole = Resource(
        id=str(uuid4()),
        kind=Kind.GROUP_SNAPSHOT,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=wanted.get("name") or "",
        status="creating",
        created_at=now,
        updated_at=now,
        spec={
            "name": wanted.get("name"),
            "description": wanted.get("description"),
            "group_type_id": group.spec["group_type"],
        },
        availability_zone=group.availability_zone,
        backend_id=group.backend_id,
        parent_id=group.id,
    )
    await resources.insert_resource(tx, whole)
    named = {name: wanted.get(name) for name in ("name", "description")}
    for volume in found:
        asked = {**named, "volume_id": volume.id, "force": True, "group_snapshot_id": whole.id}
        await snapshots.create(tx, caller, asked, now)
    return whole


async def delete(tx: Transaction, whole: Resource, now: datetime) -> None:
    """With its snapshots. Raises Invalid while it is on its way."""
    if whole.deleting:
        return
    if whole.status not in ("available", "error"):
        raise Invalid(
            "Invalid GroupSnapshot: GroupSnapshot status must be available or error, and no Group can be currently "
            "using it as source for its creation."
        )
    await resources.change(tx, whole, deleting=True, status="deleting", updated_at=now)
    found = await members.of(tx, whole)
    for snapshot in found:
        await snapshots.remove(tx, snapshot, now)
    if not found:
        await members.end(tx, whole)
