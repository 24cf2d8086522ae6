"""Attachments of volumes: a row for each, whoever made it: a boot, the compute API, or block storage's own API.

Called by `volumes`, which hands in what a zone shows and what the compute API reserves, and by the block storage API.
A row without an external id is an intent: the zone's own attachment of the same volume for the same server is it. How
to connect is never kept here. Nothing here calls a zone.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import realizations, resources
from vregion.region.regions import Transaction

EVERY = "every_attachment"  # in what a backend shows of a volume: those not yet attached, too
EXTERNAL, UNTIL = "vregion:external_id", "vregion:until"  # the latter: when the create is answered, or never will be


def document(attachment: Resource) -> dict[str, Any]:
    """Cinder's form (cinder 29.0.0 api/v3/views/attachments.py), without how to connect."""
    spec = attachment.spec
    return {
        "id": attachment.id,
        "status": attachment.status,
        "instance": spec["instance"],
        "volume_id": attachment.parent_id,
        "attached_at": spec.get("attached_at") or "",
        "detached_at": "",
        "attach_mode": spec.get("attach_mode"),
        "connection_info": {},
    }


async def get(tx: Transaction, attachment_id: str, project_id: str | None) -> Resource:
    """One of this project's. Raises NotFound."""
    found = await resources.find(tx, Kind.ATTACHMENT, attachment_id, project_id)
    if found is None:
        raise NotFound(f"Volume attachment could not be found with filter: attachment_id = {attachment_id}.")
    return found


async def of_volume(tx: Transaction, volume_id: str) -> list[Resource]:
    """All of a volume's, oldest first."""
    return await resources.children(tx, Kind.ATTACHMENT, volume_id)


async def coming(tx: Transaction, volume_id: str) -> bool:
    """Whether a server is getting the volume, or letting go of it, so that `reserved` is only on the way: not one that
    is offloaded or in error, for which it stays so (nova 34.0.0 compute/manager.py `_terminate_volume_connections`).
    """
    named = {str(row.spec["instance"]) for row in await of_volume(tx, volume_id)}
    found = await resources.find_many(tx, Kind.SERVER, sorted(named))
    moving = [server for server in found.values() if server.spec["vm_state"] not in ("shelved_offloaded", "error")]
    return any(entry["volumeId"] == volume_id for server in moving for entry in server.spec["volumes"])


async def reserve(
    tx: Transaction, volume: Resource, attachment_id: str, instance: str | None, now: datetime, **more: Any
) -> Resource:
    """The intent, before the volume's backend is asked."""
    attachment = Resource(
        id=attachment_id,
        kind=Kind.ATTACHMENT,
        project_id=volume.project_id,
        user_id=volume.user_id,
        name="",
        status="reserved",
        availability_zone=volume.availability_zone,
        backend_id=volume.backend_id,
        parent_id=volume.id,
        created_at=now,
        updated_at=now,
        spec={"instance": instance, **more},
    )
    await resources.insert_resource(tx, attachment)
    return attachment


async def made(tx: Transaction, attachment: Resource, external_id: str, now: datetime) -> None:
    """The backend has it. An observation may have been faster, and even have seen it go."""
    spec = {name: value for name, value in attachment.spec.items() if name != UNTIL} | {EXTERNAL: external_id}
    await resources.change(tx, attachment, spec=spec, updated_at=now)


async def let_go(tx: Transaction, volume_id: str, instance: str) -> bool:
    """A server's intents for the volume come to nothing. Whether the backend has, or may have, one of them."""
    known = False
    for attachment in await of_volume(tx, volume_id):
        if attachment.spec["instance"] != instance:
            continue
        if EXTERNAL not in attachment.spec and attachment.status == "reserved":
            await remove(tx, attachment)
        else:
            known = True
    return known


async def attaching(tx: Transaction, volume_id: str, instance: str, device: str, now: datetime) -> None:
    """The backend has begun to carry out a server's intent."""
    for attachment in await of_volume(tx, volume_id):
        if attachment.spec["instance"] == instance and attachment.status == "reserved":
            spec = {**attachment.spec, "device": device}
            await resources.change(tx, attachment, spec=spec, status="attaching", updated_at=now)


async def remove(tx: Transaction, attachment: Resource) -> None:
    """It has ended."""
    await resources.remove(tx, Kind.ATTACHMENT, attachment.id)


async def clear(tx: Transaction, volume_id: str) -> None:
    """The volume is gone."""
    for attachment in await of_volume(tx, volume_id):
        await remove(tx, attachment)


async def settled(
    tx: Transaction, volume: Resource, seen: Mapping[str, Any], reserved_by: str | None, now: datetime
) -> list[dict[str, Any]]:
    """Make the rows what the backend shows. Returns those that are attached, as the volume's document has them."""
    items = _items(seen)
    left = {row.id: row for row in await of_volume(tx, volume.id)}
    named = [str(item["instance"]) for item in items]
    servers = await realizations.by_external_ids(tx, str(volume.backend_id), Kind.SERVER, named) if items else {}
    attached = []
    for item in items:
        ours = servers.get(str(item["instance"]))
        instance = ours.resource_id if ours else item["instance"]
        row = _match(left.values(), item["id"], instance)
        if row is None:
            row = await reserve(tx, volume, await _id_for(tx, volume, instance), instance, now)
        left.pop(row.id, None)
        row = await _seen(tx, row, item, now)
        if row.status == "attached":
            attached.append(_shown(row))
    for row in left.values():
        if _gone(row, seen, reserved_by, now):
            await remove(tx, row)
    return attached


def _items(seen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the backend has told: all, or those that are attached alone; these with their device."""
    attached = seen.get("attachments") or []
    told = seen.get(EVERY)
    if told is None:
        told = [{"id": a["attachment_id"], "status": "attached", "instance": a["server_id"]} for a in attached]
    by_id = {a["attachment_id"]: {n: a[n] for n in ("device", "attached_at") if a.get(n)} for a in attached}
    return [{**item, **by_id.get(item["id"], {})} for item in told]


def _match(rows: Any, external_id: str, instance: str | None) -> Resource | None:
    """The row that has that external id, else an intent for the same server."""
    intents = []
    for row in rows:
        if row.spec.get(EXTERNAL) == external_id:
            found: Resource = row
            return found
        if EXTERNAL not in row.spec and row.spec["instance"] == instance:
            intents.append(row)
    return intents[0] if intents else None


async def _id_for(tx: Transaction, volume: Resource, instance: str | None) -> str:
    """The id that a server of ours shows for it already, else a new one."""
    server = await resources.find(tx, Kind.SERVER, instance) if instance else None
    entries = server.spec["volumes"] if server else []
    known = [str(entry["attachment_id"]) for entry in entries if entry["volumeId"] == volume.id]
    if known and await resources.find(tx, Kind.ATTACHMENT, known[0]) is None:
        return known[0]
    return str(uuid4())


async def _seen(tx: Transaction, row: Resource, item: Mapping[str, Any], now: datetime) -> Resource:
    told = {name: item[name] for name in ("attached_at", "attach_mode", "device") if item.get(name)}
    spec = {name: value for name, value in row.spec.items() if name != UNTIL} | told | {EXTERNAL: item["id"]}
    if spec == row.spec and item["status"] == row.status:
        return row
    await resources.change(tx, row, spec=spec, status=item["status"], updated_at=now)
    return replace(row, spec=spec, status=item["status"])


def _shown(row: Resource) -> dict[str, Any]:
    """Cinder hides the host (cinder 29.0.0 api/v3/views/volumes.py `_get_attachments`)."""
    return {
        "id": row.parent_id,
        "attachment_id": row.id,
        "volume_id": row.parent_id,
        "server_id": row.spec["instance"],
        "host_name": None,
        "device": row.spec.get("device"),
        "attached_at": row.spec.get("attached_at"),
    }


def _gone(row: Resource, seen: Mapping[str, Any], reserved_by: str | None, now: datetime) -> bool:
    """Whether a row that the backend does not show has ended: not while a create of it may be on its way."""
    everything = EVERY in seen or seen["status"] == "available"
    if EXTERNAL in row.spec:
        return everything or row.status == "attached"
    waits = row.spec["instance"] == reserved_by if reserved_by else False
    asked = UNTIL in row.spec and now < datetime.fromisoformat(row.spec[UNTIL])
    return everything and not waits and not asked
