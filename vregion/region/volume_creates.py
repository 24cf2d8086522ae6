"""How a volume comes about: its type, its zone, its size, and what it begins with, in that zone or another.

Called by the block storage API, the compute API's proxies, servers that boot from new volumes, and groups. Raises what
Cinder answers, in Cinder's words, before anything is written.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import MALFORMED, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import (
    backups,
    default_types,
    image_imports,
    images,
    placement,
    realizations,
    resources,
    volume_copies,
    volume_hints,
    volume_types,
    volumes,
)
from vregion.region.regions import Transaction


async def create(
    tx: Transaction, caller: Caller, wanted: Mapping[str, Any], zones: Sequence[Binding], now: datetime
) -> Resource:
    """Written down, and wanted on the backend of its zone. Raises what Cinder answers."""
    kind = volume_types.named(zones, wanted["volume_type"]) if wanted.get("volume_type") else None
    source = await _source(tx, caller.project_id, wanted)
    given = kind or await _given_type(tx, caller.project_id, source, zones)
    here = volume_types.having(zones, given)
    anywhere = not wanted.get("availability_zone") and (source is None or source.kind is Kind.IMAGE)
    size = _size(wanted.get("size"), source)
    full = await placement.full(tx, here or zones, {"volumes": 1, "gigabytes": size}) if anywhere else set()
    zone = zone_of(zones, wanted.get("availability_zone"), source, given if anywhere and here else kind, full)
    kind = given if zone in here else kind
    of = (kind["name"], kind["id"]) if kind else (volume_types.NAME, volume_types.ID)
    await volumes.charge(tx, caller.project_id, of, volumes=1, gigabytes=size)
    kept = (
        "name",
        "description",
        "metadata",
        "snapshot_id",
        "source_volid",
        "imageRef",
        "scheduler_hints",
        "group_id",
        "backup_id",
    )
    spec = {name: wanted[name] for name in kept if wanted.get(name) is not None}
    if source is not None and source.kind is Kind.BACKUP:
        spec["metadata"] = backups.metadata(source, wanted.get("metadata") or {}, "")
    spec |= {"size": size, "bootable": "false", volumes.GIGABYTES: size, **_inherited(source)}
    if kind is not None:
        spec |= {"volume_type": kind["name"], "volume_type_id": kind["id"]}
    spec |= volumes.search_texts(spec)
    volume = Resource(
        id=str(uuid4()),
        kind=Kind.VOLUME,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=spec.get("name", ""),
        status="creating",
        created_at=now,
        updated_at=now,
        spec=spec,
        availability_zone=zone.availability_zone,
        backend_id=zone.backend_id,
    )
    volume = replace(volume, document=resources.dump(volumes.document(volume)))
    await resources.insert_resource(tx, volume)
    if source is not None and source.kind is not Kind.IMAGE and source.backend_id != zone.backend_id:
        return await _copied(tx, caller, volume, source, now)
    beside = await volume_hints.named(tx, caller.project_id, spec.get("scheduler_hints", {}), zone.backend_id)
    await realizations.need(tx, volume, [*([(source.kind, source.id)] if source else []), *beside])
    await realizations.want(tx, Kind.VOLUME, volume.id, zone.backend_id, now)
    return volume


async def _given_type(
    tx: Transaction, project_id: str, source: Resource | None, zones: Sequence[Binding]
) -> dict[str, Any] | None:
    """The type that a volume has without asking: its source's, else the project's default; None: its zone's own."""
    if source is not None and source.kind in (Kind.VOLUME, Kind.SNAPSHOT):
        of = source if source.kind is Kind.VOLUME else await resources.find(tx, Kind.VOLUME, str(source.parent_id))
        return volume_types.known(zones, of.spec.get("volume_type_id")) if of is not None else None
    return volume_types.known(zones, await default_types.of(tx, project_id))


async def _copied(tx: Transaction, caller: Caller, volume: Resource, source: Resource, now: datetime) -> Resource:
    """Its source is in another zone: a copy brings it, and what the source said of its image stays said of this one."""
    origin_id = source.spec.get("volume_id", source.id)  # a backup may have outlived it
    origin = await resources.find(tx, Kind.VOLUME, origin_id, caller.project_id)
    facts = origin.spec if origin is not None else {}
    known = {name: facts[name] for name in ("bootable", "volume_image_metadata") if name in facts}
    spec = volume.spec | known | await volume_copies.begin(tx, caller, volume, source, facts, now)
    return await volumes.write(tx, volume, now, spec=spec)


async def _source(tx: Transaction, project_id: str, wanted: Mapping[str, Any]) -> Resource | None:
    """What the volume begins with. Raises as Cinder does, before anything is written."""
    if snapshot_id := wanted.get("snapshot_id"):
        snapshot = await resources.find(tx, Kind.SNAPSHOT, snapshot_id, project_id)
        if snapshot is None:
            raise NotFound(f"Snapshot {snapshot_id} could not be found.")
        if snapshot.status != "available":
            raise Invalid("Invalid snapshot: Originating snapshot status must be one of 'available' values")
        return snapshot
    if source_id := wanted.get("source_volid"):
        volume = await volumes.get(tx, source_id, project_id)
        if volume.status not in ("available", "in-use"):
            raise Invalid("Invalid volume: Originating source volume status must be one of 'available, in-use' values")
        return volume
    if backup_id := wanted.get("backup_id"):
        backup = await resources.find(tx, Kind.BACKUP, backup_id, project_id)
        if backup is None:
            raise NotFound(f"Backup {backup_id} could not be found.")
        if backup.status != "available":
            raise Invalid("Invalid backup: Originating backup status must be one of 'available' values")
        return backup
    if image_id := wanted.get("imageRef"):
        try:
            return await images.bootable(tx, image_id, project_id)
        except Invalid as unknown:
            raise Invalid("Invalid image identifier or unable to access requested image.") from unknown
    return None


def zone_of(
    zones: Sequence[Binding],
    name: str | None,
    source: Resource | None = None,
    kind: Mapping[str, Any] | None = None,
    full: Collection[str] = (),
) -> Binding:
    """The zone of the request, else the source's, else the default; one that has the volume type. Raises Invalid.

    Where nothing is said of the zone, one on the backends that are `full` is the last to be taken.
    """
    home = source.backend_id if source is not None and source.kind is not Kind.IMAGE else None
    chosen = next((z for z in zones if z.availability_zone == name), None)
    if name and (chosen is None or chosen.state != "enabled"):
        raise Invalid(f"Availability zone '{name}' is invalid.")
    if home is not None and chosen is None:
        chosen = next((z for z in zones if z.backend_id == home), None)
    enabled = [z for z in volume_types.having(zones, kind) if z.state == "enabled"]
    chosen = chosen or min(enabled, key=lambda z: (z.backend_id in full, not z.default), default=None)
    if chosen is None:
        raise Invalid("Availability zone 'None' is invalid.")
    if kind is not None and chosen not in volume_types.having(zones, kind):
        raise volume_types.refuse(kind)
    return chosen


def _size(size: int | None, source: Resource | None) -> int:
    """The size, checked against the source's. Raises Invalid (cinder 29.0.0 volume/flows/api/create_volume.py)."""
    if source is not None and source.kind is not Kind.IMAGE:
        least = int(source.spec["size"])
        size = least if size is None else size
        if size < least:
            noun = {Kind.SNAPSHOT: "the snapshot", Kind.BACKUP: "the backup"}.get(source.kind, "original volume")
            raise Invalid(
                f"Invalid input received: Volume size '{size}'GB cannot be smaller than {noun} size {least}GB. "
                f"They must be >= original {noun.split()[-1]} size."
            )
    if size is None:  # its default type's least size is compared with it (volume/volume_types.py, int() of None)
        raise Invalid(MALFORMED)
    if size < 1:
        raise Invalid(f"Invalid input received: Volume size '{size}' must be an integer and greater than 0")
    if source is not None and source.kind is Kind.IMAGE:
        bytes_, least = source.spec["size"] or 0, source.spec["min_disk"] or 0
        if size < -(-bytes_ // volumes.GIB):
            raise Invalid(
                f"Invalid input received: Size of specified image {-(-bytes_ // volumes.GIB)}GB is larger than volume "
                f"size {size}GB."
            )
        if size < least:
            raise Invalid(
                f"Invalid input received: Volume size {size}GB cannot be smaller than the image minDisk size {least}GB."
            )
    return size


def _inherited(source: Resource | None) -> dict[str, Any]:
    """What a volume has from its source before any backend has told."""
    if source is not None and source.kind is Kind.IMAGE:
        facts = ("checksum", "container_format", "disk_format", "min_disk", "min_ram", "size")
        named = {"image_id": source.id, "image_name": source.name}
        told = named | {name: str(source.spec[name]) for name in facts} | images.properties(source)
        return {"bootable": "true", "volume_image_metadata": told}
    return {}


async def image_seen(tx: Transaction, image: Resource, observed: Observed) -> None:
    """An image, by its backend's word; one that is on its way to another zone brings a copy on."""
    await image_imports.settled(tx, image, observed)
    if volume_copies.OF_VOLUME not in image.spec or image.deleting:
        return
    if observed.failed:
        await volumes.copy_failed(tx, image, observed.failed)
        return
    current = await resources.find(tx, Kind.IMAGE, image.id)
    if current is not None and current.status == "active":
        await volumes.copy_goes_on(tx, current, len(volume_copies.STEPS), datetime.now(UTC))


async def image_stopped(tx: Transaction, image: Resource, reason: str) -> None:
    """A backend refused an image; a copy that needs it ends with that."""
    await image_imports.stopped(tx, image, reason)
    if volume_copies.OF_VOLUME in image.spec and not image.deleting:
        await volumes.copy_failed(tx, image, reason)
