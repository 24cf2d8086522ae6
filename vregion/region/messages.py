"""User messages of block storage: each failure of a volume, a snapshot or a backup, kept for thirty days.

Written by the transaction that observes a failure: what the zone has told of it, or where it told nothing one of ours
in Cinder's form. Read by the block storage API alone. A message outlives what it is about; one that was deleted is
hidden until it expires, so that its zone does not bring it back. No quota and no other list meets them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.resources import Filter

KEPT = timedelta(days=30)  # cinder 29.0.0 message/api.py message_ttl
FAULT = "vregion:fault"  # in a resource's spec: the words of its last failure
TOLD = "messages"  # in an observed document: the zone's own messages of it
_TYPES = {Kind.VOLUME: "VOLUME", Kind.SNAPSHOT: "VOLUME_SNAPSHOT", Kind.BACKUP: "VOLUME_BACKUP"}
_UNKNOWN = ("", "unknown action", "001")
# What was under way in a status: Cinder's action, its words, and what went wrong (29.0.0 message/message_field.py).
_ACTIONS: Mapping[tuple[Kind, str], tuple[str, str, str]] = {
    (Kind.VOLUME, "creating"): ("008", "create volume from backend storage", "012"),
    (Kind.VOLUME, "downloading"): ("005", "copy image to volume", "001"),
    (Kind.VOLUME, "uploading"): ("003", "copy volume to image", "004"),
    (Kind.VOLUME, "extending"): ("007", "extend volume", "010"),
    (Kind.VOLUME, "attaching"): ("002", "attach volume", "021"),
    (Kind.VOLUME, "restoring-backup"): ("015", "restore backup", "026"),
    (Kind.SNAPSHOT, "creating"): ("009", "create snapshot", "013"),
    (Kind.SNAPSHOT, "deleting"): ("010", "delete snapshot", "016"),
    (Kind.BACKUP, "creating"): ("013", "create backup", "020"),
    (Kind.BACKUP, "deleting"): ("014", "delete backup", "025"),
    (Kind.BACKUP, "restoring"): ("015", "restore backup", "026"),
}


def kept(now: datetime) -> list[Filter]:
    """Those that are neither deleted nor expired."""
    return [Filter("deleting", False), Filter("updated_at", now - KEPT, "gt")]


async def get(tx: Transaction, message_id: str, project_id: str | None, now: datetime) -> Resource:
    """One of this project, or with None of any. Raises NotFound."""
    message = await resources.find(tx, Kind.MESSAGE, message_id, project_id)
    if message is None or message.deleting or message.updated_at <= now - KEPT:
        raise NotFound(f"Message {message_id} could not be found.")
    return message


async def delete(tx: Transaction, message: Resource) -> None:
    """Read and done with. When it expires stays as it was."""
    await resources.change(tx, message, deleting=True, updated_at=message.updated_at)


async def failed(
    tx: Transaction,
    resource: Resource,
    words: str,
    now: datetime,
    told: Sequence[Mapping[str, Any]] = (),
    status: str = "error",
) -> None:
    """The resource, as it was until now, has failed and will show `status`. What is known already is not told again."""
    if told:
        found = [_of_zone(resource, one, now) for one in told]
        known = await resources.find_many(tx, Kind.MESSAGE, [one.id for one in found])
        found = [one for one in found if one.id not in known]
    elif (resource.spec.get(FAULT), resource.status) == (words, status):
        found = []
    else:
        found = [_ours(resource, words, now)]
    if found:
        await resources.insert_resources(tx, found)
        await resources.remove_older(tx, Kind.MESSAGE, now - KEPT)


def stamp(at: datetime) -> str:
    """Cinder's form of a time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def document(message: Resource) -> dict[str, Any]:
    """Cinder's document, but for its links."""
    shown = ("event_id", "user_message", "message_level", "request_id", "resource_type", "resource_uuid")
    return {
        "id": message.id,
        "created_at": stamp(message.created_at),
        "guaranteed_until": stamp(message.updated_at + KEPT),
        **{name: message.spec[name] for name in shown},
    }


def _of_zone(resource: Resource, told: Mapping[str, Any], now: datetime) -> Resource:
    """A zone's own message, with an id of ours that is the same whenever it is seen."""
    made = datetime.fromisoformat(told["created_at"]).replace(tzinfo=UTC)
    spec = {name: told.get(name) for name in ("event_id", "user_message", "message_level", "request_id")}
    spec["resource_type"] = told.get("resource_type") or _TYPES[resource.kind]
    spec["action_id"], spec["detail_id"] = str(told["event_id"]).split("_")[-2:]
    return _row(resource, str(uuid5(NAMESPACE_OID, f"{resource.id}/{told['id']}")), spec, made, now)


def _ours(resource: Resource, words: str, now: datetime) -> Resource:
    action, doing, detail = _ACTIONS.get((resource.kind, resource.status), _UNKNOWN)
    spec = {
        "event_id": f"VOLUME_{_TYPES[resource.kind]}_{action}_{detail}",
        "user_message": f"{doing}:{words}",
        "message_level": "ERROR",
        "request_id": None,
        "resource_type": _TYPES[resource.kind],
        "action_id": action,
        "detail_id": detail,
    }
    return _row(resource, str(uuid4()), spec, now, now)


def _row(resource: Resource, message_id: str, spec: dict[str, Any], made: datetime, now: datetime) -> Resource:
    message = Resource(
        id=message_id,
        kind=Kind.MESSAGE,
        project_id=resource.project_id,
        user_id=resource.user_id,
        name="",
        status="",
        created_at=made,
        updated_at=now,
        spec=spec | {"resource_uuid": resource.id},
    )
    return replace(message, document=resources.dump(document(message)))
