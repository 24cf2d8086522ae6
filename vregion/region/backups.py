"""Backups of volumes, each kept by the backup service of its volume's zone. A backup outlives its volume.

Called by the block storage API, by `volume_creates` (a volume of a backup) and by the reconcilers.
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
from vregion.region import messages, realizations, resources, snapshots, usages, volumes
from vregion.region.regions import Transaction

# What only the backend knows.
_TOLD = ("object_count", "container", "fail_reason", "is_incremental", "has_dependent_backups", "data_timestamp")

# What comes back with the bytes of a volume (cinder 29.0.0 backup/driver.py BackupMetadataAPI).
KEPT = "kept_of_volume"
_RESTORED = ("name", "description", "metadata")


def named(backup: Resource) -> dict[str, Any]:
    """Name and description of the volume when the backup was made, as far as it had any."""
    known = backup.spec.get(KEPT, {})
    return {name: known[name] for name in ("name", "description") if known.get(name)}


def metadata(backup: Resource, before: Mapping[str, str], volume_id: str) -> dict[str, str]:
    """The metadata of a volume into which the backup was restored: that of the volume which was backed up, if it had
    any, and whence it comes, if it is another (cinder 29.0.0 backup/driver.py `_restore_vol_meta`, backup/manager.py
    `restore_backup`).
    """
    told = {**(backup.spec.get(KEPT, {}).get("metadata") or before)}
    return told if volume_id == backup.spec["volume_id"] else told | {"src_backup_id": backup.id}


def document(backup: Resource) -> dict[str, Any]:
    """Cinder's v3 document at the newest microversion, as the tenant's admin sees it."""
    spec = backup.spec
    place = f"{backup.project_id}/backups/{backup.id}"
    links = [("self", f"{volumes.BASE}/v3/{place}"), ("bookmark", f"{volumes.BASE}/{place}")]
    return {
        "id": backup.id,
        "status": backup.status,
        "size": spec["size"],
        "object_count": spec.get("object_count") or 0,  # never null: cinder 29.0.0 objects/backup.py `_from_db_object`
        "availability_zone": backup.availability_zone,
        "container": spec.get("container"),
        "created_at": volumes.stamp(backup.created_at),
        "updated_at": volumes.stamp(backup.updated_at),
        "name": spec.get("name"),
        "description": spec.get("description"),
        "fail_reason": spec.get(volumes.FAULT) or spec.get("fail_reason"),
        "volume_id": spec["volume_id"],
        "links": [{"rel": rel, "href": href} for rel, href in links],
        "is_incremental": spec.get("is_incremental", False),
        "has_dependent_backups": spec.get("has_dependent_backups", False),
        "snapshot_id": spec.get("snapshot_id"),
        "data_timestamp": spec.get("data_timestamp") or volumes.stamp(backup.created_at),
        "metadata": spec.get("metadata", {}),
        "os-backup-project-attr:project_id": backup.project_id,
        "user_id": backup.user_id,
    }


async def get(tx: Transaction, backup_id: str, project_id: str | None) -> Resource:
    """A backup of this project. Raises NotFound."""
    backup = await resources.find(tx, Kind.BACKUP, backup_id, project_id)
    if backup is None:
        raise NotFound(f"Backup {backup_id} could not be found.")
    return backup


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> Resource:
    """Written down, and wanted where the volume is. Raises what Cinder answers (cinder 29.0.0 backup/api.py create)."""
    volume = await volumes.get(tx, wanted["volume_id"], caller.project_id)
    needed = [(Kind.VOLUME, volume.id)]
    if wanted.get("snapshot_id"):
        needed.append(await _of_snapshot(tx, volume, wanted["snapshot_id"]))
    elif volume.deleting or volume.status not in ("available", "in-use"):
        raise Invalid(
            "Invalid volume: Volume to be backed up must be available or in-use, but the current status is "
            f'"{volume.status}".'
        )
    elif volume.status == "in-use" and not wanted.get("force"):
        raise Invalid("Invalid volume: Backing up an in-use volume must use the force flag.")
    if wanted.get("availability_zone") not in (None, volume.availability_zone):
        raise Invalid(f"Invalid volume: Its backups are kept in its own availability zone {volume.availability_zone}.")
    await volumes.charge(tx, caller.project_id, backups=1, backup_gigabytes=volume.spec["size"])
    if wanted.get("incremental") and not await _complete(tx, volume):
        raise Invalid("Invalid backup: No backups available to do an incremental backup.")
    kept = ("name", "description", "metadata", "container", "incremental", "volume_id", "snapshot_id")
    spec = {name: wanted[name] for name in kept if wanted.get(name) is not None}
    spec |= {"size": volume.spec["size"], KEPT: {name: volume.spec.get(name) for name in _RESTORED}}
    backup = Resource(
        id=str(uuid4()),
        kind=Kind.BACKUP,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=spec.get("name", ""),
        status="creating",
        created_at=now,
        updated_at=now,
        spec=spec,
        availability_zone=volume.availability_zone,
        backend_id=volume.backend_id,
    )
    backup = replace(backup, document=resources.dump(document(backup)))
    await resources.insert_resource(tx, backup)
    await realizations.need(tx, backup, needed)
    await realizations.want(tx, Kind.BACKUP, backup.id, str(volume.backend_id), now)
    return backup


async def update(tx: Transaction, backup: Resource, fields: Mapping[str, Any], now: datetime) -> Resource:
    """Name, description or metadata as they shall be."""
    changed = await write(tx, backup, now, spec={**backup.spec, **fields}, generation=backup.generation + 1)
    await realizations.changed(tx, Kind.BACKUP, backup.id, now)
    return changed


async def delete(tx: Transaction, backup: Resource, now: datetime) -> None:
    """On its way out. Raises Invalid in a state that does not allow it, or while an increment rests on it."""
    if backup.deleting:
        return
    if backup.status not in ("available", "error"):
        raise Invalid("Invalid backup: Backup status must be available or error")
    if backup.spec.get("has_dependent_backups"):
        raise Invalid("Invalid backup: Incremental backups exist for this backup.")
    await write(tx, backup, now, status="deleting", deleting=True)
    if not await realizations.unwant(tx, Kind.BACKUP, backup.id, now):
        await vanished(tx, backup)
        await realizations.forget_needs(tx, Kind.BACKUP, backup.id)
        await resources.remove(tx, Kind.BACKUP, backup.id)


async def restorable(tx: Transaction, backup: Resource, volume_id: str) -> Resource:
    """The volume that a backup may be written over. Raises NotFound, or Invalid as Cinder does."""
    volume = await volumes.get(tx, volume_id, backup.project_id)
    if backup.status != "available":
        raise Invalid("Invalid backup: Backup status must be available")
    if volume.status != "available":
        raise Invalid("Invalid volume: Volume to be restored to must be available")
    if volume.spec["size"] < backup.spec["size"]:
        raise Invalid(
            f"Invalid volume: volume size {volume.spec['size']} is too small to restore backup of size "
            f"{backup.spec['size']}."
        )
    if volume.backend_id != backup.backend_id:
        raise Invalid(
            f"Invalid volume: Volume to be restored to is in availability zone {volume.availability_zone}, the backup "
            f"in {backup.availability_zone}; a new volume of the backup may be made in any zone."
        )
    return volume


async def settled(tx: Transaction, backup: Resource, observed: Observed) -> None:
    """The backend's word on status and contents."""
    seen = observed.document
    if backup.deleting and seen.get("status") != "error_deleting":
        return
    spec = backup.spec | {name: seen[name] for name in _TOLD if seen.get(name) is not None}
    status = seen.get("status", backup.status)
    if observed.failed:
        spec[volumes.FAULT] = observed.failed
        told = seen.get(messages.TOLD, ())
        await messages.failed(tx, backup, observed.failed, datetime.now(UTC), told, status)
    if observed.settled:
        await realizations.forget_needs(tx, Kind.BACKUP, backup.id)
        await _look_at_volume(tx, backup)
    if spec != backup.spec or status != backup.status:
        await write(tx, backup, datetime.now(UTC), spec=spec, status=status)


async def stopped(tx: Transaction, backup: Resource, reason: str) -> None:
    """The backend refused it for good."""
    await messages.failed(tx, backup, reason, datetime.now(UTC))
    await write(tx, backup, datetime.now(UTC), spec={**backup.spec, volumes.FAULT: reason}, status="error")


async def lost(tx: Transaction, backup: Resource) -> None:
    """Gone from its backend without us."""
    await stopped(tx, backup, f"The backup is gone from its availability zone {backup.availability_zone}.")


async def vanished(tx: Transaction, backup: Resource) -> None:
    """The backend has let go of it."""
    await usages.release(tx, backup.project_id, {"backups": 1, "backup_gigabytes": backup.spec["size"]})


async def write(tx: Transaction, backup: Resource, now: datetime, **columns: Any) -> Resource:
    """Change columns and render the document anew."""
    if "spec" in columns:
        columns["name"] = columns["spec"].get("name") or ""
    backup = replace(backup, updated_at=now, **columns)
    backup = replace(backup, document=resources.dump(document(backup)))
    await resources.change(tx, backup, updated_at=now, document=backup.document, **columns)
    return backup


async def _of_snapshot(tx: Transaction, volume: Resource, snapshot_id: str) -> tuple[Kind, str]:
    snapshot = await snapshots.get(tx, snapshot_id, volume.project_id)
    if snapshot.spec["volume_id"] != volume.id:
        raise Invalid(
            f"Invalid volume: Volume {volume.id} does not match with snapshot.volume_id {snapshot.spec['volume_id']}."
        )
    if snapshot.status != "available":
        raise Invalid(
            "Invalid snapshot: Snapshot to be backed up must be available, but the current status is "
            f'"{snapshot.status}".'
        )
    return Kind.SNAPSHOT, snapshot.id


async def _complete(tx: Transaction, volume: Resource) -> bool:
    """Whether an increment has something to rest on."""
    asked = [resources.Filter("spec.volume_id", volume.id), resources.Filter("status", "available")]
    return bool(await resources.list_resources(tx, resources.Query(Kind.BACKUP, volume.project_id, asked, limit=1)))


async def _look_at_volume(tx: Transaction, backup: Resource) -> None:
    """Its volume was busy with it, or with its restoration."""
    for realization in await realizations.of_resource(tx, Kind.VOLUME, backup.spec["volume_id"]):
        await realizations.look_again(tx, realization, datetime.now(UTC))
