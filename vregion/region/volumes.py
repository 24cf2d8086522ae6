"""Volumes: what the tenant wants, where each one is, and what it is attached to.

Called by the block storage API, by the live routes of servers (attach, detach) and by `volume_moves`. `spec` is
Cinder's create body with our ids; what is ours alone in it begins with "vregion:". A volume's zone is settled when it
is made, and changes only when it follows its server (`volume_moves`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vregion.model.observed import Observed
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import (
    attachments,
    members,
    messages,
    realizations,
    resources,
    usages,
    volume_copies,
    volume_type_limits,
    volume_types,
)
from vregion.region.regions import Transaction

BASE = "vregion-volume-endpoint"  # stands in stored links where an answer has the endpoint
AWAITING = "awaiting-transfer"
MAINTENANCE = "maintenance"  # it follows its server to another zone (`volume_moves`): nothing else is done with it
RESERVED = "vregion:reserved_by"  # the server that will get it; nobody else may
GIGABYTES = volume_type_limits.GIGABYTES
READONLY = "vregion:readonly"
FAULT = messages.FAULT
ENCRYPTION = "vregion:encryption"  # what its zone tells of it: the key's id there, cipher, key size, provider
METADATA_TEXT = "vregion:metadata"  # for the list's filter
DELETABLE = ("available", "error", "error_restoring", "error_extending", "error_managing")
NOT_ENCRYPTED: Mapping[str, Any] = {"encryption_key_id": None}
GIB = 1 << 30
stamp = messages.stamp
_FIXED_KEY = "00000000-0000-0000-0000-000000000000"  # not shown (cinder 29.0.0 common/constants.py FIXED_KEY_ID)
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
        "metadata": {**spec.get("metadata", {}), **readonly, **volume_copies.told(volume)},
        "links": links(volume),
        "user_id": volume.user_id,
        "bootable": spec.get("bootable", "false"),
        "encrypted": spec.get("encrypted", False),
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
    if (key := spec.get(ENCRYPTION, NOT_ENCRYPTED)["encryption_key_id"]) not in (None, _FIXED_KEY):
        shown["encryption_key_id"] = key
    if spec.get("volume_image_metadata"):
        shown["volume_image_metadata"] = spec["volume_image_metadata"]
    return shown


def links(volume: Resource) -> list[dict[str, str]]:
    """Both of Cinder's links; the endpoint is put in when they are sent."""
    place = f"{volume.project_id}/volumes/{volume.id}"
    return [{"rel": "self", "href": f"{BASE}/v3/{place}"}, {"rel": "bookmark", "href": f"{BASE}/{place}"}]


def metadata_text(metadata: Mapping[str, str]) -> str:
    """Items between separators that nobody can type."""
    return "".join(f"\x1e{name}\x1f{value}\x1e" for name, value in metadata.items())


def search_texts(spec: Mapping[str, Any]) -> dict[str, str]:
    """What lists look for, as text."""
    return {METADATA_TEXT: metadata_text(spec.get("metadata") or {})}


async def get(tx: Transaction, volume_id: str, project_id: str | None) -> Resource:
    """A volume of this project, or with None of any. Raises NotFound."""
    volume = await resources.find(tx, Kind.VOLUME, volume_id, project_id)
    if volume is None or volume_copies.is_helper(volume):
        raise NotFound(f"Volume {volume_id} could not be found.")
    return volume


async def hold(tx: Transaction, volume: Resource) -> Resource:
    """The volume, to be changed: what is read of it now stays so until the commit."""
    await resources.lock(tx, Kind.VOLUME, volume.id)
    return await resources.get(tx, Kind.VOLUME, volume.id)


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
    await charge(tx, volume.project_id, volume_types.of(volume), gigabytes=size - volume.spec[GIGABYTES])
    return await write(tx, volume, now, spec={**volume.spec, GIGABYTES: size}, status="extending")


async def retyping(tx: Transaction, volume: Resource, kind: Mapping[str, Any], now: datetime) -> None:
    """It is of the other type from now on, before the backend is asked. Raises OverQuota when that has no room."""
    taken = await resources.children(tx, Kind.SNAPSHOT, volume.id)
    size = volume.spec[GIGABYTES] + sum(snapshot.spec["size"] for snapshot in taken)
    amounts = {"volumes": 1, "snapshots": len(taken), "gigabytes": size}
    await usages.hold(tx, volume.project_id, "gigabytes")
    known, named = await usages.limits(tx, volume.project_id), (kind["name"], kind["id"])
    if named != volume_types.of(volume):
        await volume_type_limits.require(tx, volume.project_id, named, known, amounts)
    spec = {**volume.spec, "volume_type": kind["name"], "volume_type_id": kind["id"]}
    await write(tx, volume, now, spec=spec, status="retyping")


async def not_retyping(tx: Transaction, volume: Resource, now: datetime) -> None:
    """The backend refused: the type and the status that `volume` had."""
    current = await get(tx, volume.id, volume.project_id)
    spec = {name: value for name, value in current.spec.items() if name not in ("volume_type", "volume_type_id")}
    spec |= {name: volume.spec[name] for name in ("volume_type", "volume_type_id") if name in volume.spec}
    await write(tx, current, now, spec=spec, status=volume.status)


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


async def reserve_attach(tx: Transaction, volume: Resource, server_id: str, attachment_id: str, now: datetime) -> None:
    """It is this server's from now on; `detached` gives it back when the attachment comes to nothing."""
    await attachments.reserve(tx, volume, attachment_id, server_id, now)
    await write(tx, volume, now, spec={**volume.spec, RESERVED: server_id}, status="reserved")


async def attached(tx: Transaction, volume: Resource, server_id: str, device: str, now: datetime) -> None:
    """The backend has begun to attach it; it shows as in-use when the backend says so."""
    volume = await get(tx, volume.id, volume.project_id)
    spec = {name: value for name, value in volume.spec.items() if name != RESERVED}
    await attachments.attaching(tx, volume.id, server_id, device, now)
    status = "attaching" if volume.status in ("reserved", "available") else volume.status
    await write(tx, volume, now, spec=spec, status=status)
    await look_again(tx, volume, now)


async def detached(tx: Transaction, volume: Resource, server_id: str, now: datetime) -> None:
    """The backend lets go of it, or never took it; it shows as available when the backend says so."""
    volume = await get(tx, volume.id, volume.project_id)
    known = await attachments.let_go(tx, volume.id, server_id)
    spec = {name: value for name, value in volume.spec.items() if name != RESERVED}
    status = volume.status
    if status in ("reserved", "attaching", "in-use"):
        status = "detaching" if known else "available"
    await write(tx, volume, now, spec=spec, status=status)
    await look_again(tx, volume, now)


async def begin_attachment(
    tx: Transaction, volume: Resource, instance: str | None, mode: str | None, now: datetime, until: datetime
) -> Resource:
    """An attachment of block storage's own API, before the backend is asked; until then it may still be at work on it.

    Raises Invalid in Cinder's words (cinder 29.0.0 volume/api.py `attachment_create`, `_attachment_reserve`).
    """
    if "error" in volume.status:
        raise Invalid(
            "Invalid volume: Volume attachments can not be created if the volume is in an error state. The Volume "
            f"{volume.id} currently has a status of: {volume.status} "
        )
    status = "reserved" if RESERVED in volume.spec else volume.status
    many = volume.spec.get("multiattach", False)
    free = ("available", "in-use", "downloading") if many else ("available", "downloading")
    others = [row.spec["instance"] for row in await attachments.of_volume(tx, volume.id)]
    if status not in free and not (instance in others and instance and status in ("in-use", "reserved")):
        words = "available, in-use, or downloading" if many else "available or downloading"
        raise Invalid(
            f"Invalid volume: Volume {volume.id} status must be {words} to reserve, but the current status is {status}."
        )
    more = {"attach_mode": mode or "null", attachments.UNTIL: until.isoformat()}
    attachment = await attachments.reserve(tx, volume, str(uuid4()), instance, now, **more)
    await write(tx, volume, now, status="reserved")
    await look_again(tx, volume, until)
    return attachment


async def not_attached(tx: Transaction, attachment: Resource, status: str, now: datetime) -> None:
    """The backend refused, or did not answer: what it has made all the same shows at the next look.

    `status` is what the volume was before.
    """
    await attachments.remove(tx, attachment)
    volume = await resources.find(tx, Kind.VOLUME, str(attachment.parent_id))
    if volume is not None:
        if volume.status == "reserved":
            await write(tx, volume, now, status=status)
        await look_again(tx, volume, now)


async def look_again(tx: Transaction, volume: Resource, at: datetime) -> None:
    """Its backend shall be asked again."""
    for realization in await realizations.of_resource(tx, Kind.VOLUME, volume.id):
        await realizations.look_again(tx, realization, at)


async def settled(tx: Transaction, volume: Resource, observed: Observed) -> None:
    """The backend's word on status, size and attachments, in our ids; nothing else of it is ours to take over."""
    seen = observed.document
    if volume.deleting and seen["status"] != "error_deleting":
        return
    if volume_copies.is_helper(volume):
        await _helper_seen(tx, volume, observed)
        return
    spec = dict(volume.spec)
    spec["size"] = seen["size"]
    spec["bootable"] = str(seen.get("bootable", "false")).lower()
    spec |= {name: bool(seen.get(name)) for name in ("multiattach", "encrypted")}
    spec.pop(ENCRYPTION, None)
    if told := seen.get("encryption"):
        spec[ENCRYPTION] = {**NOT_ENCRYPTED, **told}
    spec["attachments"] = await attachments.settled(tx, volume, seen, spec.get(RESERVED), datetime.now(UTC))
    if "readonly" in seen.get("metadata", {}):
        spec[READONLY] = seen["metadata"]["readonly"]
    if metadata := seen.get("volume_image_metadata"):
        spec["volume_image_metadata"] = await _image_metadata(tx, volume, metadata)
    elif observed.settled and not observed.failed:
        spec.pop("volume_image_metadata", None)
    if "volume_type" in spec and seen.get("volume_type") and seen["status"] != "retyping":
        spec |= volume_types.known_as(seen["volume_type"])
    status = _status(volume, seen["status"])
    spec = _copied(spec, seen)
    if observed.settled and not observed.failed:
        for name in (FAULT, volume_copies.COPY):
            spec.pop(name, None)
        await realizations.forget_needs(tx, Kind.VOLUME, volume.id)
    if observed.settled and spec[GIGABYTES] != seen["size"]:
        await usages.release(tx, volume.project_id, {"gigabytes": spec[GIGABYTES] - seen["size"]})
        spec[GIGABYTES] = seen["size"]
    if observed.failed:
        spec[FAULT] = observed.failed
        told = seen.get(messages.TOLD, ())
        await messages.failed(tx, volume, observed.failed, datetime.now(UTC), told, status)
    if observed.settled and volume_copies.COPY in volume.spec:
        await _copy_ended(tx, volume)
    spec |= search_texts(spec)
    if spec != volume.spec or status != volume.status:
        await members.follow(tx, await write(tx, volume, datetime.now(UTC), spec=spec, status=status))


async def stopped(tx: Transaction, volume: Resource, reason: str) -> None:
    """The backend refused it for good."""
    if volume_copies.is_helper(volume):
        await _helper_failed(tx, volume, reason)
        return
    await volume_copies.clear(tx, volume, datetime.now(UTC))
    await messages.failed(tx, volume, reason, datetime.now(UTC))
    spec = {name: value for name, value in volume.spec.items() if name != volume_copies.COPY} | {FAULT: reason}
    await members.follow(tx, await write(tx, volume, datetime.now(UTC), spec=spec, status="error"))


async def lost(tx: Transaction, volume: Resource) -> None:
    """Gone from its backend without us."""
    await stopped(tx, volume, f"The volume is gone from its availability zone {volume.availability_zone}.")


async def vanished(tx: Transaction, volume: Resource) -> None:
    """The backend has let go of it."""
    if not volume_copies.is_helper(volume):
        await attachments.clear(tx, volume.id)
        await usages.release(tx, volume.project_id, {"volumes": 1, "gigabytes": volume.spec[GIGABYTES]})
        await volume_copies.clear(tx, volume, datetime.now(UTC))
        await members.gone(tx, volume)


async def copy_goes_on(tx: Transaction, image: Resource, step: int, now: datetime) -> None:
    """A helper of a copy has come about: what is next of the new volume, if it is still wanted."""
    volume = await resources.find(tx, Kind.VOLUME, str(image.parent_id))
    if volume is None or volume.deleting or volume.spec.get(volume_copies.COPY, {}).get("step", step) >= step:
        return
    copy = volume.spec[volume_copies.COPY] | {"step": step, "size": image.spec.get("size")}
    downloading = step == len(volume_copies.STEPS) and volume_copies.MOVING not in volume.spec
    status = "downloading" if downloading else volume.status
    volume = await write(tx, volume, now, spec={**volume.spec, volume_copies.COPY: copy}, status=status)
    if step == len(volume_copies.STEPS):
        await volume_copies.bring(tx, volume, image, now)


async def copy_failed(tx: Transaction, helper: Resource, reason: str) -> None:
    """A helper came to nothing, and so does the new volume."""
    volume = await resources.find(tx, Kind.VOLUME, str(helper.parent_id))
    if volume is None or volume.deleting or volume_copies.COPY not in volume.spec:
        return
    words = f"The copy from availability zone {volume.spec[volume_copies.COPY]['zone']} failed: {reason}"
    if moving := volume.spec.get(volume_copies.MOVING):
        await realizations.fail(tx, Kind.VOLUME, volume.id, moving["backend"], words, datetime.now(UTC))
    else:
        await stopped(tx, volume, words)


async def _helper_seen(tx: Transaction, helper: Resource, observed: Observed) -> None:
    """The volume that a copy is made of: nobody else sees it."""
    now = datetime.now(UTC)
    if observed.failed:
        await _helper_failed(tx, helper, observed.failed)
    elif observed.settled and helper.status == "creating":
        await resources.change(tx, helper, status=observed.document["status"], updated_at=now)
        await realizations.forget_needs(tx, Kind.VOLUME, helper.id)
        await copy_goes_on(tx, helper, 2, now)


async def _helper_failed(tx: Transaction, helper: Resource, reason: str) -> None:
    """No volume can be made of the source. Of one in use an image may be made all the same."""
    if helper.status == "error":
        return
    now = datetime.now(UTC)
    volume = await resources.find(tx, Kind.VOLUME, str(helper.parent_id))
    if volume is not None and helper.spec.get(volume_copies.HELD) and helper.status == "creating":
        await volume_copies.directly(tx, volume)
        await copy_goes_on(tx, helper, 2, now)
    else:
        await copy_failed(tx, helper, reason)
    await resources.change(tx, helper, status="error", updated_at=now)


async def _copy_ended(tx: Transaction, volume: Resource) -> None:
    """It is there: the helpers go, and its backend is told whether it boots."""
    now = datetime.now(UTC)
    await volume_copies.clear(tx, volume, now)
    await resources.change(tx, volume, generation=volume.generation + 1)
    await realizations.changed(tx, Kind.VOLUME, volume.id, now)


def _copied(spec: dict[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """Of a copy its backend says what it knows of the helper: what the source said of its image counts instead."""
    if volume_copies.COPIED not in spec:
        return spec
    hidden = ("image_id", "image_name", "checksum", "size", "container_format", "disk_format", "min_disk", "min_ram")
    told = {k: v for k, v in spec.get("volume_image_metadata", {}).items() if k not in hidden}
    told = {k: v for k, v in told.items() if not k.startswith("vregion")} | spec[volume_copies.COPIED]
    spec = {k: v for k, v in spec.items() if k != "volume_image_metadata"} | (
        {"volume_image_metadata": told} if told else {}
    )
    if volume_copies.BOOTABLE in spec:
        wanted = spec["bootable"] = spec[volume_copies.BOOTABLE]
        if str(seen.get("bootable")).lower() == wanted:
            del spec[volume_copies.BOOTABLE]
    return spec


async def write(tx: Transaction, volume: Resource, now: datetime, **columns: Any) -> Resource:
    """Change columns and render the document anew."""
    if "spec" in columns:
        columns["spec"] = {**columns["spec"], **search_texts(columns["spec"])}
        columns["name"] = columns["spec"].get("name") or ""
    volume = replace(volume, updated_at=now, **columns)
    volume = replace(volume, document=resources.dump(document(volume)))
    await resources.change(tx, volume, updated_at=now, document=volume.document, **columns)
    return volume


async def charge(tx: Transaction, project_id: str, kind: tuple[str, str] | None = None, **amounts: int) -> None:
    """Reserve quota, of a volume type (name, id) too. Raises OverQuota in Cinder's words."""
    known = await usages.limits(tx, project_id)
    largest = known["per_volume_gigabytes"][0]
    asked = amounts.get("gigabytes", 0)
    if "volumes" in amounts and 0 <= largest < asked:
        words = f"Requested volume size {asked}G is larger than maximum allowed limit {largest}G."
        raise OverQuota(f"VolumeSizeExceedsLimit: {words}", status=413)
    for name, amount in amounts.items():
        try:
            await usages.reserve(tx, project_id, {name: amount})
        except OverQuota as over:
            raise volume_type_limits.refuse(name, name, amount, *known[name]) from over
    if kind is not None:
        await volume_type_limits.require(tx, project_id, kind, known, amounts)


def _status(volume: Resource, seen: str) -> str:
    """A reservation and an offered transfer outlive what the backend says: it knows of neither."""
    kept = RESERVED in volume.spec or volume.status == AWAITING
    return volume.status if kept and seen == "available" else seen


async def image_metadata_set(tx: Transaction, volume: Resource, given: Mapping[str, str], now: datetime) -> None:
    """The backend has these of the tenant; an `image_id` among them is whatever he calls it."""
    volume = await get(tx, volume.id, volume.project_id)
    told = {**volume.spec.get("volume_image_metadata", {}), **given}
    await write(tx, volume, now, spec={**volume.spec, "volume_image_metadata": told})


async def _image_metadata(tx: Transaction, volume: Resource, seen: Mapping[str, Any]) -> dict[str, Any]:
    """The image that it was made of, by our id."""
    if "image_id" not in seen:
        return {k: v for k, v in seen.items() if k != "vregion_id"}
    external = str(seen["image_id"])
    found = await realizations.by_external_ids(tx, str(volume.backend_id), Kind.IMAGE, [external])
    before = volume.spec.get("volume_image_metadata", {})
    ours = found[external].resource_id if external in found else before.get("image_id", external)
    return {**{k: v for k, v in seen.items() if k != "vregion_id"}, "image_id": ours}
