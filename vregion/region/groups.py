"""Groups of volumes: rows alone. A group is in one zone, and what is done to it is done to each of its volumes.

Called by the block storage API. A group is made empty; volumes are made in it or added to it. Its own state follows
its members' (`members`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import (
    group_types,
    members,
    resources,
    usages,
    volume_creates,
    volume_type_limits,
    volume_types,
    volumes,
)
from vregion.region.regions import Transaction

_MOVABLE = ("available", "in-use")


def document(group: Resource) -> dict[str, Any]:
    """Cinder's document at the newest microversion, without its volumes."""
    spec = group.spec
    return {
        "id": group.id,
        "status": group.status,
        "availability_zone": group.availability_zone,
        "created_at": volumes.stamp(group.created_at),
        "name": spec["name"],
        "description": spec["description"],
        "group_type": spec["group_type"],
        "volume_types": spec["volume_types"],
        "group_snapshot_id": spec.get("group_snapshot_id"),
        "source_group_id": spec.get("source_group_id"),
        "replication_status": "disabled",
        "project_id": group.project_id,
    }


async def get(tx: Transaction, group_id: str, project_id: str | None) -> Resource:
    """A group of this project. Raises NotFound."""
    group = await resources.find(tx, Kind.GROUP, group_id, project_id)
    if group is None:
        raise NotFound(f"Group {group_id} could not be found.")
    return group


async def create(
    tx: Transaction, caller: Caller, wanted: Mapping[str, Any], zones: Sequence[Binding], now: datetime
) -> Resource:
    """An empty group. Raises NotFound for a type that nobody knows, Invalid for such a zone."""
    types = [volume_types.named(zones, name)["id"] for name in wanted["volume_types"]]
    kind = await group_types.find(tx, wanted["group_type"], private=caller.is_admin)
    group_types.require_kept(kind)
    zone = volume_creates.zone_of(zones, wanted.get("availability_zone"))
    spec = {name: wanted.get(name) for name in ("name", "description")} | {
        "group_type": kind["id"],
        "volume_types": types,
    }
    return await _insert(tx, caller, spec, (zone.availability_zone, zone.backend_id), now)


async def create_from(
    tx: Transaction, caller: Caller, wanted: Mapping[str, Any], zones: Sequence[Binding], now: datetime
) -> Resource:
    """A group with a copy of each volume of another group, or with a volume for each snapshot of a group snapshot."""
    if snapshot_id := wanted.get("group_snapshot_id"):
        whole = await resources.find(tx, Kind.GROUP_SNAPSHOT, snapshot_id, caller.project_id)
        if whole is None:
            raise NotFound(f"GroupSnapshot {snapshot_id} could not be found.")
        source, word, noun = await get(tx, str(whole.parent_id), None), "snapshot_id", "Group snapshot"
    else:
        source = whole = await get(tx, wanted["source_group_id"], caller.project_id)
        word, noun = "source_volid", "Source group"
    found = await members.of(tx, whole)
    if not found:
        raise Invalid(f"Invalid Group: {noun} is empty. No group will be created.")
    origin = {name: wanted.get(name) for name in ("name", "description", "group_snapshot_id", "source_group_id")}
    spec = origin | {name: source.spec[name] for name in ("group_type", "volume_types")}
    place = (str(source.availability_zone), str(source.backend_id))
    group = await _insert(tx, caller, spec, place, now, status="creating")
    for member in found:
        await volume_creates.create(tx, caller, {word: member.id, "group_id": group.id}, zones, now)
    return group


async def update(
    tx: Transaction, group: Resource, fields: Mapping[str, Any], add: Sequence[str], drop: Sequence[str], now: datetime
) -> Resource:
    """Name and description as they shall be, volumes in and out. Raises Invalid as Cinder does."""
    if both := [volume_id for volume_id in add if volume_id in drop]:
        raise Invalid(f"Invalid volume: UUIDs {both} are in both add and remove volume list.")
    inside = {volume.id: volume for volume in await members.of(tx, group)}
    added = [await _addable(tx, group, volume_id) for volume_id in add if volume_id not in inside]
    dropped = [_droppable(group, inside, volume_id) for volume_id in drop]
    news = {name: value for name, value in fields.items() if value is not None and value != group.spec[name]}
    if not (news or added or dropped):
        raise Invalid(
            f"Invalid Group: Cannot update group {group.id} because no valid name, description, add_volumes, or "
            "remove_volumes were provided."
        )
    if group.status != "available" and (added or dropped):
        raise Invalid("Invalid Group: Group status must be available.")
    for volume in added:
        await volumes.write(tx, volume, now, spec={**volume.spec, "group_id": group.id})
    for volume in dropped:
        await volumes.write(tx, volume, now, spec={k: v for k, v in volume.spec.items() if k != "group_id"})
    spec = {**group.spec, **news}
    await resources.change(tx, group, spec=spec, name=spec["name"] or "", updated_at=now)
    return replace(group, spec=spec)


async def delete(tx: Transaction, group: Resource, now: datetime, *, with_volumes: bool) -> None:
    """With its volumes, or when it has none. Raises Invalid as Cinder does."""
    if group.deleting:
        return
    if not with_volumes and group.status not in ("available", "error"):
        raise Invalid(f"Invalid Group: Group status must be available or error, but current status is: {group.status}")
    if await resources.children(tx, Kind.GROUP_SNAPSHOT, group.id):
        raise Invalid("Invalid Group: Group has existing snapshots.")
    found = await members.of(tx, group)
    if found and not with_volumes:
        raise Invalid(
            f"Invalid Group: Group {group.id} still contains volumes. The delete-volumes flag is required to delete it."
        )
    for volume in found:
        if volume.spec.get("attachments"):
            raise Invalid(f"Invalid Group: Volume in group {group.id} is attached. Need to detach first.")
        if await resources.children(tx, Kind.SNAPSHOT, volume.id):
            raise Invalid("Invalid Group: Volume in group still has dependent snapshots.")
    await resources.change(tx, group, deleting=True, status="deleting", updated_at=now)
    for volume in found:
        if not volume.deleting:
            await volumes.remove(tx, volume, now)
    if not found:
        await members.end(tx, group)


async def admit(
    tx: Transaction, project_id: str, group_id: str, volume_type: str | None, zones: Sequence[Binding]
) -> Resource:
    """The group that a new volume shall be in. Raises NotFound, or Invalid as Cinder does."""
    group = await get(tx, group_id, project_id)
    if group.deleting:
        raise Invalid(f"Invalid input received: Group {group_id} is being deleted.")
    if not volume_type:
        raise Invalid("Invalid input received: volume_type must be provided when creating a volume in a group.")
    if volume_types.named(zones, volume_type)["id"] not in group.spec["volume_types"]:
        raise Invalid(
            f"Invalid input received: Invalid volume_type provided: {volume_type} (requested type must be supported by "
            "this group)."
        )
    return group


async def _insert(
    tx: Transaction,
    caller: Caller,
    spec: dict[str, Any],
    place: tuple[str, str],
    now: datetime,
    status: str = "available",
) -> Resource:
    try:
        await usages.reserve(tx, caller.project_id, {"groups": 1})
    except OverQuota as over:
        limit = (await usages.limits(tx, caller.project_id))["groups"][0]
        raise volume_type_limits.refuse("groups", "groups", 1, limit, limit) from over
    zone, backend_id = place
    group = Resource(
        id=str(uuid4()),
        kind=Kind.GROUP,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=spec["name"] or "",
        status=status,
        created_at=now,
        updated_at=now,
        spec=spec,
        availability_zone=zone,
        backend_id=backend_id,
    )
    await resources.insert_resource(tx, group)
    return group


async def _addable(tx: Transaction, group: Resource, volume_id: str) -> Resource:
    refusal = f"Invalid volume: Cannot add volume {volume_id} to group {group.id} because "
    volume = await resources.find(tx, Kind.VOLUME, volume_id, group.project_id)
    if volume is None:
        raise Invalid(f"{refusal}volume cannot be found.")
    if known := volume.spec.get("group_id"):
        raise Invalid(f"{refusal}it is already in group {known}.")
    type_id = volume_types.of(volume)[1]
    if type_id not in group.spec["volume_types"]:
        raise Invalid(f"{refusal}volume type {type_id} is not supported by the group.")
    if volume.status not in _MOVABLE:
        raise Invalid(f"{refusal}volume is in an invalid state: {volume.status}. Valid states are: {_MOVABLE}.")
    if volume.backend_id != group.backend_id:
        raise Invalid("Invalid volume: Volume is not local to this node.")
    return volume


def _droppable(group: Resource, inside: Mapping[str, Resource], volume_id: str) -> Resource:
    refusal = f"Invalid volume: Cannot remove volume {volume_id} from group {group.id} because "
    volume = inside.get(volume_id)
    if volume is None:
        raise Invalid(f"{refusal}it is not in the group.")
    states = (*_MOVABLE, "error", "error_deleting")
    if volume.status not in states:
        raise Invalid(f"{refusal}volume is in an invalid state: {volume.status}. Valid states are: {states}.")
    return volume
