"""Snapshots of volumes, each in the zone of its volume.

Called by the block storage API, by `volumes` and by the reconcilers. A snapshot's parent is its volume, which it keeps
from being deleted.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import members, messages, realizations, resources, usages, volume_types, volumes
from vregion.region.regions import Transaction
from vregion.region.volumes import FAULT, stamp


def document(snapshot: Resource) -> dict[str, Any]:
    """Cinder's v3 document at the newest microversion."""
    spec = snapshot.spec
    return {
        "id": snapshot.id,
        "created_at": stamp(snapshot.created_at),
        "updated_at": stamp(snapshot.updated_at),
        "name": spec.get("name"),
        "description": spec.get("description"),
        "volume_id": spec["volume_id"],
        "status": snapshot.status,
        "size": spec["size"],
        "metadata": spec.get("metadata", {}),
        "group_snapshot_id": spec.get("group_snapshot_id"),
        "user_id": snapshot.user_id,
        "consumes_quota": True,
        "os-extended-snapshot-attributes:project_id": snapshot.project_id,
        "os-extended-snapshot-attributes:progress": spec.get("progress", "0%"),
    }


async def get(tx: Transaction, snapshot_id: str, project_id: str | None) -> Resource:
    """A snapshot of this project. Raises NotFound."""
    snapshot = await resources.find(tx, Kind.SNAPSHOT, snapshot_id, project_id)
    if snapshot is None:
        raise NotFound(f"Snapshot {snapshot_id} could not be found.")
    return snapshot


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> Resource:
    """Written down, and wanted where its volume is. An in-use volume wants `force`, or microversion 3.66."""
    volume = await volumes.get(tx, wanted["volume_id"], caller.project_id)
    if volume.deleting or volume.status not in ("available", *(("in-use",) if wanted.get("force") else ())):
        raise Invalid(
            f"Invalid volume: Volume {volume.id} status must be available, but current status is: {volume.status}."
        )
    size = volume.spec["size"]
    await volumes.charge(tx, caller.project_id, volume_types.of(volume), snapshots=1, gigabytes=size)
    spec = {k: wanted[k] for k in ("name", "description", "metadata", "group_snapshot_id") if wanted.get(k) is not None}
    spec |= {"volume_id": volume.id, "size": size}
    spec |= volumes.search_texts(spec)
    snapshot = Resource(
        id=str(uuid4()),
        kind=Kind.SNAPSHOT,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=spec.get("name", ""),
        status="creating",
        created_at=now,
        updated_at=now,
        spec=spec,
        availability_zone=volume.availability_zone,
        backend_id=volume.backend_id,
        parent_id=volume.id,
    )
    snapshot = replace(snapshot, document=resources.dump(document(snapshot)))
    await resources.insert_resource(tx, snapshot)
    await realizations.need(tx, snapshot, [(Kind.VOLUME, volume.id)])
    await realizations.want(tx, Kind.SNAPSHOT, snapshot.id, str(volume.backend_id), now)
    return snapshot


async def update(tx: Transaction, snapshot: Resource, fields: Mapping[str, Any], now: datetime) -> Resource:
    """Name, description or metadata as they shall be."""
    changed = await write(tx, snapshot, now, spec={**snapshot.spec, **fields}, generation=snapshot.generation + 1)
    await realizations.changed(tx, Kind.SNAPSHOT, snapshot.id, now)
    return changed


async def delete(tx: Transaction, snapshot: Resource, now: datetime) -> None:
    """On its way out. Raises Invalid in a state that does not allow it."""
    if snapshot.deleting:
        return
    if snapshot.status not in ("available", "error") or snapshot.spec.get("group_snapshot_id"):
        raise Invalid("Invalid snapshot: Snapshot status must be available or error, and must not be in a group.")
    await remove(tx, snapshot, now)


async def remove(tx: Transaction, snapshot: Resource, now: datetime) -> None:
    """On its way out whatever its state, as when its group snapshot goes."""
    await write(tx, snapshot, now, status="deleting", deleting=True)
    if not await realizations.unwant(tx, Kind.SNAPSHOT, snapshot.id, now):
        await vanished(tx, snapshot)
        await realizations.forget_needs(tx, Kind.SNAPSHOT, snapshot.id)
        await resources.remove(tx, Kind.SNAPSHOT, snapshot.id)


async def delete_all_of(tx: Transaction, volume: Resource, now: datetime) -> None:
    """All of a volume's, because it goes with them."""
    for snapshot in await resources.children(tx, Kind.SNAPSHOT, volume.id):
        await delete(tx, snapshot, now)


async def settled(tx: Transaction, snapshot: Resource, observed: Observed) -> None:
    """The backend's word on status and progress."""
    seen = observed.document
    if snapshot.deleting and seen["status"] != "error_deleting":
        return
    spec = {**snapshot.spec, "progress": seen.get("os-extended-snapshot-attributes:progress", "0%")}
    if observed.failed:
        spec[FAULT] = observed.failed
        told = seen.get(messages.TOLD, ())
        await messages.failed(tx, snapshot, observed.failed, datetime.now(UTC), told, seen["status"])
    if spec != snapshot.spec or seen["status"] != snapshot.status:
        await members.follow(tx, await write(tx, snapshot, datetime.now(UTC), spec=spec, status=seen["status"]))


async def stopped(tx: Transaction, snapshot: Resource, reason: str) -> None:
    """The backend refused it for good."""
    await messages.failed(tx, snapshot, reason, datetime.now(UTC))
    spec = {**snapshot.spec, FAULT: reason}
    await members.follow(tx, await write(tx, snapshot, datetime.now(UTC), spec=spec, status="error"))


async def lost(tx: Transaction, snapshot: Resource) -> None:
    """Gone from its backend without us."""
    await stopped(tx, snapshot, f"The snapshot is gone from its availability zone {snapshot.availability_zone}.")


async def vanished(tx: Transaction, snapshot: Resource) -> None:
    """The backend has let go of it."""
    await usages.release(tx, snapshot.project_id, {"snapshots": 1, "gigabytes": snapshot.spec["size"]})
    await members.gone(tx, snapshot)


async def write(tx: Transaction, snapshot: Resource, now: datetime, **columns: Any) -> Resource:
    """Change columns and render the document anew."""
    if "spec" in columns:
        columns["spec"] = {**columns["spec"], **volumes.search_texts(columns["spec"])}
        columns["name"] = columns["spec"].get("name") or ""
    snapshot = replace(snapshot, updated_at=now, **columns)
    snapshot = replace(snapshot, document=resources.dump(document(snapshot)))
    await resources.change(tx, snapshot, updated_at=now, document=snapshot.document, **columns)
    return snapshot
