"""Volumes: what the tenant wants, where each one is, and what it is attached to.

Called by the block storage API, by the live routes of servers (attach, detach) and by the reconcilers. `spec` is
Cinder's create body with our ids; what is ours alone in it begins with "vregion:". A volume's zone is settled when it
is made and never changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import images, members, realizations, resources, usages, volume_types
from vregion.region.regions import Transaction

BASE = "vregion-volume-endpoint"  # stands in stored links where an answer has the endpoint
COPIES = "vregion"  # the project of what is only there while something is copied to another zone: no tenant's
AWAITING = "awaiting-transfer"
RESERVED = "vregion:reserved_by"  # the server that will get it; nobody else may
PENDING = "vregion:pending"  # server -> {"device", "attachment_id"}: told by the backend that attaches, not yet seen
ATTACHED = "vregion:attached"  # our attachment id -> the backend's, where they differ
GIGABYTES = "vregion:gigabytes"  # what the quota was charged
READONLY = "vregion:readonly"
FAULT = "vregion:fault"
METADATA_TEXT = "vregion:metadata"  # for the list's filter
SIZE_TEXT = "vregion:size"  # so that the order by text is the order by size
DELETABLE = ("available", "error", "error_restoring", "error_extending", "error_managing")
GIB = 1 << 30
_NOT_DELETABLE = (
    "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing "
    "and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated "
    "from snapshots after volume transfer."
)


def document(volume: Resource) -> dict[str, Any]:
    """Cinder's v3 document at the newest microversion."""
    spec = volume.spec
    readonly = {"readonly": spec[READONLY]} if READONLY in spec else {}
    shown = {
        "id": volume.id,
        "status": volume.status,
        "size": spec["size"],
        "availability_zone": volume.availability_zone,
        "created_at": stamp(volume.created_at),
        "updated_at": stamp(volume.updated_at),
        "name": spec.get("name"),
        "description": spec.get("description"),
        "volume_type": volume_types.of(volume)[0],
        "snapshot_id": spec.get("snapshot_id"),
        "source_volid": spec.get("source_volid"),
        "metadata": {**spec.get("metadata", {}), **readonly},
        "links": links(volume),
        "user_id": volume.user_id,
        "bootable": spec.get("bootable", "false"),
        "encrypted": False,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": spec.get("multiattach", False),
        "attachments": spec.get("attachments", []),
        "group_id": spec.get("group_id"),
        "shared_targets": False,
        "service_uuid": None,
        "volume_type_id": volume_types.of(volume)[1],
        "consumes_quota": True,
        "os-vol-tenant-attr:tenant_id": volume.project_id,
    }
    if spec.get("volume_image_metadata"):
        shown["volume_image_metadata"] = spec["volume_image_metadata"]
    return shown


def links(volume: Resource) -> list[dict[str, str]]:
    """Both of Cinder's links; the endpoint is put in when they are sent."""
    place = f"{volume.project_id}/volumes/{volume.id}"
    return [{"rel": "self", "href": f"{BASE}/v3/{place}"}, {"rel": "bookmark", "href": f"{BASE}/{place}"}]


def stamp(at: datetime) -> str:
    """Cinder's form of a time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def metadata_text(metadata: Mapping[str, str]) -> str:
    """Items between separators that nobody can type."""
    return "".join(f"\x1e{name}\x1f{value}\x1e" for name, value in metadata.items())


def search_texts(spec: Mapping[str, Any]) -> dict[str, str]:
    """What lists look for and sort by, as text."""
    return {METADATA_TEXT: metadata_text(spec.get("metadata") or {}), SIZE_TEXT: f"{spec['size']:010d}"}


async def get(tx: Transaction, volume_id: str, project_id: str) -> Resource:
    """A volume of this project. Raises NotFound."""
    volume = await resources.find(tx, Kind.VOLUME, volume_id, project_id)
    if volume is None:
        raise NotFound(f"Volume {volume_id} could not be found.")
    return volume


async def create(
    tx: Transaction, caller: Caller, wanted: Mapping[str, Any], zones: Sequence[Binding], now: datetime
) -> Resource:
    """Written down, and wanted on the backend of its zone. Raises what Cinder answers."""
    kind = volume_types.named(zones, wanted["volume_type"]) if wanted.get("volume_type") else None
    source = await _source(tx, caller.project_id, wanted)
    zone = zone_of(zones, wanted.get("availability_zone"), source, kind)
    size = _size(wanted.get("size"), source)
    await charge(tx, caller.project_id, volumes=1, gigabytes=size)
    kept = ("name", "description", "metadata", "snapshot_id", "source_volid", "imageRef", "scheduler_hints", "group_id")
    spec = {name: wanted[name] for name in kept if wanted.get(name) is not None}
    spec |= {"size": size, "bootable": "false", GIGABYTES: size, **_inherited(source)}
    if kind is not None:
        spec |= {"volume_type": kind["name"], "volume_type_id": kind["id"]}
    spec |= search_texts(spec)
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
    volume = replace(volume, document=resources.dump(document(volume)))
    await resources.insert_resource(tx, volume)
    await realizations.need(tx, volume, [(source.kind, source.id)] if source else [])
    await realizations.want(tx, Kind.VOLUME, volume.id, zone.backend_id, now)
    return volume


async def update(tx: Transaction, volume: Resource, fields: Mapping[str, Any], now: datetime) -> Resource:
    """Name, description or metadata as they shall be."""
    changed = await write(tx, volume, now, spec={**volume.spec, **fields}, generation=volume.generation + 1)
    await realizations.changed(tx, Kind.VOLUME, volume.id, now)
    return changed


async def delete(tx: Transaction, volume: Resource, now: datetime, *, cascade: bool = False) -> None:
    """On its way out; with `cascade` its snapshots are too. Raises Invalid in a state that does not allow it."""
    if volume.deleting:
        return
    kept = [] if cascade else await resources.children(tx, Kind.SNAPSHOT, volume.id)
    if volume.status not in DELETABLE or volume.spec.get("attachments") or volume.spec.get("group_id") or kept:
        raise Invalid(_NOT_DELETABLE)
    await remove(tx, volume, now)


async def remove(tx: Transaction, volume: Resource, now: datetime) -> None:
    """Delete whatever its state, as when it goes with its server (delete_on_termination)."""
    await write(tx, volume, now, status="deleting", deleting=True)
    if not await realizations.unwant(tx, Kind.VOLUME, volume.id, now):
        await vanished(tx, volume)
        await realizations.forget_needs(tx, Kind.VOLUME, volume.id)
        await resources.remove(tx, Kind.VOLUME, volume.id)


async def extending(tx: Transaction, volume: Resource, size: int, now: datetime) -> Resource:
    """Charge the quota before the backend is asked to extend."""
    if size <= volume.spec["size"]:
        raise Invalid(
            "Invalid input received: New size for extend must be greater than current size. "
            f"(current: {volume.spec['size']}, extended: {size})."
        )
    if volume.status not in ("available", "in-use"):
        raise Invalid(
            f"Invalid volume: Volume {volume.id} status must be ('available', 'in-use') to extend, but current status "
            f"is {volume.status}."
        )
    await charge(tx, volume.project_id, gigabytes=size - volume.spec[GIGABYTES])
    return await write(tx, volume, now, spec={**volume.spec, GIGABYTES: size}, status="extending")


async def retyped(tx: Transaction, volume: Resource, kind: Mapping[str, Any], now: datetime) -> None:
    """The backend has begun to give it another type; what it says of the type from now on counts."""
    current = await get(tx, volume.id, volume.project_id)
    spec = {**current.spec, "volume_type": kind["name"], "volume_type_id": kind["id"]}
    await write(tx, current, now, spec=spec)


async def not_extending(tx: Transaction, volume: Resource, now: datetime) -> None:
    """The backend refused: as before."""
    current = await get(tx, volume.id, volume.project_id)
    await usages.release(tx, volume.project_id, {"gigabytes": current.spec[GIGABYTES] - volume.spec[GIGABYTES]})
    await write(tx, current, now, spec={**current.spec, GIGABYTES: volume.spec[GIGABYTES]}, status=volume.status)


async def for_server(tx: Transaction, volume_id: str, project_id: str, backend_id: str | None) -> Resource:
    """A volume that a server may take. Raises NotFound, or Invalid in Nova's words (nova 34.0.0 volume/cinder.py)."""
    volume = await get(tx, volume_id, project_id)
    if volume.deleting or volume.status != "available" or RESERVED in volume.spec:
        status = "reserved" if RESERVED in volume.spec else volume.status
        raise Invalid(
            f"Invalid volume: volume '{volume_id}' status must be 'available' or 'in-use'. Currently in '{status}'"
        )
    if backend_id is not None and volume.backend_id != backend_id:
        raise Invalid(
            "Invalid volume: Server and volume not in same availability zone. "
            f"Volume {volume_id} is in: {volume.availability_zone}."
        )
    return volume


async def reserve_attach(tx: Transaction, volume: Resource, server_id: str, now: datetime) -> None:
    """It is this server's from now on; `detached` gives it back when the attachment comes to nothing."""
    await write(tx, volume, now, spec={**volume.spec, RESERVED: server_id}, status="reserved")


async def attached(
    tx: Transaction, volume: Resource, server_id: str, device: str, attachment_id: str, now: datetime
) -> None:
    """The backend has begun to attach it; it shows as in-use when the backend says so."""
    volume = await get(tx, volume.id, volume.project_id)
    spec = {name: value for name, value in volume.spec.items() if name != RESERVED}
    spec[PENDING] = {**spec.get(PENDING, {}), server_id: {"device": device, "attachment_id": attachment_id}}
    status = "attaching" if volume.status in ("reserved", "available") else volume.status
    await write(tx, volume, now, spec=spec, status=status)
    await _look_again(tx, volume, now)


async def detached(tx: Transaction, volume: Resource, server_id: str, now: datetime) -> None:
    """The backend lets go of it, or never took it; it shows as available when the backend says so."""
    volume = await get(tx, volume.id, volume.project_id)
    known = server_id in volume.spec.get(PENDING, {})
    known = known or any(a["server_id"] == server_id for a in volume.spec.get("attachments", []))
    spec = {name: value for name, value in volume.spec.items() if name not in (RESERVED, PENDING)}
    status = volume.status
    if status in ("reserved", "attaching", "in-use"):
        status = "detaching" if known else "available"
    await write(tx, volume, now, spec=spec, status=status)
    await _look_again(tx, volume, now)


def external_attachment(volume: Resource, attachment_id: str) -> str:
    """The backend's id of an attachment that we show under ours."""
    return str(volume.spec.get(ATTACHED, {}).get(attachment_id, attachment_id))


async def settled(tx: Transaction, volume: Resource, observed: Observed) -> None:
    """The backend's word on status, size and attachments, in our ids; nothing else of it is ours to take over."""
    seen = observed.document
    if volume.deleting and seen["status"] != "error_deleting":
        return
    spec = dict(volume.spec)
    spec["size"] = seen["size"]
    spec["bootable"] = str(seen.get("bootable", "false")).lower()
    spec["multiattach"] = bool(seen.get("multiattach"))
    spec["attachments"] = await _attachments(tx, volume, seen.get("attachments") or [])
    pairs = zip(spec["attachments"], seen.get("attachments") or [], strict=True)
    differ = {a["attachment_id"]: b["attachment_id"] for a, b in pairs if a["attachment_id"] != b["attachment_id"]}
    spec = {name: value for name, value in spec.items() if name != ATTACHED} | ({ATTACHED: differ} if differ else {})
    if "readonly" in seen.get("metadata", {}):
        spec[READONLY] = seen["metadata"]["readonly"]
    if metadata := seen.get("volume_image_metadata"):
        spec["volume_image_metadata"] = await _image_metadata(tx, volume, metadata)
    elif observed.settled and not observed.failed:
        spec.pop("volume_image_metadata", None)
    if "volume_type" in spec and seen.get("volume_type"):
        spec |= volume_types.known_as(seen["volume_type"])
    status = _status(volume, seen["status"])
    if observed.settled and not observed.failed:
        for name in (PENDING, FAULT):
            spec.pop(name, None)
        await realizations.forget_needs(tx, Kind.VOLUME, volume.id)
    if observed.settled and spec[GIGABYTES] != seen["size"]:
        await usages.release(tx, volume.project_id, {"gigabytes": spec[GIGABYTES] - seen["size"]})
        spec[GIGABYTES] = seen["size"]
    if observed.failed:
        spec[FAULT] = observed.failed
    spec |= search_texts(spec)
    if spec != volume.spec or status != volume.status:
        await members.follow(tx, await write(tx, volume, datetime.now(UTC), spec=spec, status=status))


async def stopped(tx: Transaction, volume: Resource, reason: str) -> None:
    """The backend refused it for good."""
    spec = {**volume.spec, FAULT: reason}
    await members.follow(tx, await write(tx, volume, datetime.now(UTC), spec=spec, status="error"))


async def lost(tx: Transaction, volume: Resource) -> None:
    """Gone from its backend without us."""
    await stopped(tx, volume, f"The volume is gone from its availability zone {volume.availability_zone}.")


async def vanished(tx: Transaction, volume: Resource) -> None:
    """The backend has let go of it."""
    await usages.release(tx, volume.project_id, {"volumes": 1, "gigabytes": volume.spec[GIGABYTES]})
    await members.gone(tx, volume)


async def write(tx: Transaction, volume: Resource, now: datetime, **columns: Any) -> Resource:
    """Change columns and render the document anew."""
    if "spec" in columns:
        columns["spec"] = {**columns["spec"], **search_texts(columns["spec"])}
        columns["name"] = columns["spec"].get("name") or ""
    volume = replace(volume, updated_at=now, **columns)
    volume = replace(volume, document=resources.dump(document(volume)))
    await resources.change(tx, volume, updated_at=now, document=volume.document, **columns)
    return volume


async def charge(tx: Transaction, project_id: str, **amounts: int) -> None:
    """Reserve quota. Raises OverQuota in Cinder's words (413; cinder 29.0.0 exception.py QuotaError)."""
    known = await usages.limits(tx, project_id)
    largest = known["per_volume_gigabytes"][0]
    asked = amounts.get("gigabytes", 0)
    if "volumes" in amounts and 0 <= largest < asked:
        raise OverQuota(f"Requested volume size {asked}G is larger than maximum allowed limit {largest}G.", status=413)
    for name, amount in amounts.items():
        try:
            await usages.reserve(tx, project_id, {name: amount})
        except OverQuota as over:
            limit, used = known[name]
            words = f"Maximum number of {name} allowed ({limit}) exceeded for quota '{name}'."
            if name == "gigabytes":
                words = (
                    f"Requested volume or snapshot exceeds allowed gigabytes quota. Requested {amount}G, quota is "
                    f"{limit}G and {used}G has been consumed."
                )
            raise OverQuota(words, status=413) from over


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
        volume = await get(tx, source_id, project_id)
        if volume.status not in ("available", "in-use"):
            raise Invalid("Invalid volume: Originating source volume status must be one of 'available, in-use' values")
        return volume
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
) -> Binding:
    """The zone of the request, else the source's, else the default; one that has the volume type. Raises Invalid."""
    home = source.backend_id if source is not None and source.kind is not Kind.IMAGE else None
    chosen = next((z for z in zones if z.availability_zone == name), None)
    if name and (chosen is None or chosen.state != "enabled"):
        raise Invalid(f"Availability zone '{name}' is invalid.")
    if home is not None and source is not None:
        if chosen is not None and chosen.backend_id != home:
            noun = "snapshot" if source.kind is Kind.SNAPSHOT else "source volume"
            raise Invalid(
                f"Invalid input received: Volume must be in the same availability zone as the {noun}: it is in "
                f"{source.availability_zone}, and {name} was asked for."
            )
        chosen = next((z for z in zones if z.backend_id == home), None)
    enabled = [z for z in volume_types.having(zones, kind) if z.state == "enabled"]
    chosen = chosen or next((z for z in enabled if z.default), enabled[0] if enabled else None)
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
            noun = "the snapshot" if source.kind is Kind.SNAPSHOT else "original volume"
            raise Invalid(
                f"Invalid input received: Volume size '{size}'GB cannot be smaller than {noun} size {least}GB. "
                f"They must be >= original {noun.split()[-1]} size."
            )
    if size is None or size < 1:
        raise Invalid(f"Invalid input received: Volume size '{size}' must be an integer and greater than 0")
    if source is not None and source.kind is Kind.IMAGE:
        bytes_, least = source.spec["size"] or 0, source.spec["min_disk"] or 0
        if size < -(-bytes_ // GIB):
            raise Invalid(
                f"Invalid input received: Size of specified image {-(-bytes_ // GIB)}GB is larger than volume size "
                f"{size}GB."
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


def _status(volume: Resource, seen: str) -> str:
    """A reservation and an offered transfer outlive what the backend says: it knows of neither."""
    kept = RESERVED in volume.spec or volume.status == AWAITING
    return volume.status if kept and seen == "available" else seen


async def _attachments(tx: Transaction, volume: Resource, seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The backend's attachments with our servers' ids; what is foreign to us stays as it is."""
    external = [str(a["server_id"]) for a in seen]
    servers = await realizations.by_external_ids(tx, str(volume.backend_id), Kind.SERVER, external)
    known = {a["server_id"]: a for a in volume.spec.get("attachments", [])}
    told = volume.spec.get(PENDING, {})
    found = []
    for one in seen:
        ours = servers.get(str(one["server_id"]))
        server_id = ours.resource_id if ours else one["server_id"]
        before = known.get(server_id, told.get(server_id, {}))
        found.append(
            {
                "id": volume.id,
                "attachment_id": before.get("attachment_id", one["attachment_id"]),
                "volume_id": volume.id,
                "server_id": server_id,
                "host_name": None,
                "device": one.get("device") or before.get("device"),
                "attached_at": one.get("attached_at") or before.get("attached_at"),
            }
        )
    return found


async def _image_metadata(tx: Transaction, volume: Resource, seen: Mapping[str, Any]) -> dict[str, Any]:
    """The image that it was made of, by our id."""
    if "image_id" not in seen:
        return {k: v for k, v in seen.items() if k != "vregion_id"}
    external = str(seen["image_id"])
    found = await realizations.by_external_ids(tx, str(volume.backend_id), Kind.IMAGE, [external])
    before = volume.spec.get("volume_image_metadata", {})
    ours = found[external].resource_id if external in found else before.get("image_id", external)
    return {**{k: v for k, v in seen.items() if k != "vregion_id"}, "image_id": ours}


async def _look_again(tx: Transaction, volume: Resource, now: datetime) -> None:
    for realization in await realizations.of_resource(tx, Kind.VOLUME, volume.id):
        await realizations.look_again(tx, realization, now)
