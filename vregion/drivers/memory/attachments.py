"""Attachments of volumes: /attachments beside them. Called by `volumes`, its actions, and the servers' attachments.

`extra['held']` of a volume's row holds them all; its document shows those that are attached, and the status follows.
The rules and words are Cinder's (cinder 29.0.0 volume/api.py `attachment_create` and below).
"""

import uuid
from typing import TYPE_CHECKING, Any

from vregion.drivers.contract import Answer, Permanent
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.model.resource import Kind

if TYPE_CHECKING:
    from vregion.drivers.memory.volumes import Volumes

_ORDER = {"attached": "in-use", "attaching": "attaching", "reserved": "reserved"}
_TOLD = ("id", "status", "instance", "attached_at", "attach_mode")


def call(volumes: "Volumes", row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
    """One call below /attachments. Raises Permanent as Cinder refuses."""
    one, _, action = path.removeprefix("/attachments").strip("/").partition("/")
    if (method, one) == ("POST", ""):
        return _create(volumes, row, body["attachment"])
    held = next((held for held in row.extra["held"] if held["id"] == one), None)
    if held is None:
        raise Permanent(f"Volume attachment could not be found with filter: attachment_id = {one}.", 404)
    match method, action:
        case "GET", "":
            return Answer(200, _view(held))
        case "PUT", "":
            _connect(volumes, row, held, body["attachment"]["connector"])
            return Answer(200, _view(held))
        case "POST", "action" if "os-complete" in body:
            held["status"] = "attached"
            _changed(volumes, row)
            return Answer(204, None)
        case "DELETE", "":
            return _delete(volumes, row, held)
    raise Permanent("The resource could not be found.", 404)


def hold(row: Row, instance: str | None, status: str, **more: Any) -> dict[str, Any]:
    """One more."""
    held = {
        "id": str(uuid.uuid4()),
        "status": status,
        "instance": instance,
        "volume_id": row.id,
        "attached_at": "",
        "detached_at": "",
        "attach_mode": None,
        "connection_info": {},
        **more,
    }
    row.extra["held"].append(held)
    refresh(row)
    return held


def release(row: Row, attachment_id: str | None = None) -> None:
    """One less, or none any more."""
    row.extra["held"] = [held for held in row.extra["held"] if attachment_id not in (None, held["id"])]
    refresh(row)


def reserve_all(cloud: MemoryCloud, server: Row) -> None:
    """A shelved server keeps its volumes reserved, each by a new attachment (nova 34.0.0 compute/manager.py
    `_terminate_volume_connections`).
    """
    for attachment in server.extra["attachments"]:
        volume = cloud.rows[Kind.VOLUME][attachment["volumeId"]]
        fresh = hold(volume, server.id, "reserved", attach_mode="null")
        release(volume, attachment["attachment_id"])
        attachment["attachment_id"] = fresh["id"]
        cloud.touch(volume)


def attach_all(cloud: MemoryCloud, server: Row) -> None:
    """It is back: what it had reserved is attached again, and what was attached meanwhile has a device now."""
    for attachment in server.extra["attachments"]:
        attachment["device"] = attachment["device"] or next_device(server)
        volume = cloud.rows[Kind.VOLUME][attachment["volumeId"]]
        complete(cloud, volume, attachment)
        cloud.touch(volume)


def complete(cloud: MemoryCloud, volume: Row, attachment: dict[str, Any]) -> None:
    """What was reserved for a server is attached to it now, unless it has been taken off meanwhile."""
    at = cloud.clock().strftime("%Y-%m-%dT%H:%M:%S.%f")
    for held in volume.extra["held"]:
        if held["id"] == attachment["attachment_id"]:
            held |= {"status": "attached", "attach_mode": "rw", "attached_at": at, "device": attachment["device"]}
    refresh(volume)


def next_device(server: Row) -> str:
    """The first name that none of its volumes has."""
    used = {one["device"] for one in server.extra["attachments"]}
    return next(device for letter in "bcdefghijklmnopqrstuvwxyz" if (device := f"/dev/vd{letter}") not in used)


def refresh(row: Row) -> None:
    """The volume's status and document by what holds it."""
    states = {held["status"] for held in row.extra["held"]}
    shown = [_of_volume(held) for held in row.extra["held"] if held["status"] == "attached"]
    status = next((shows for state, shows in _ORDER.items() if state in states), "available")
    row.document |= {"attachments": shown, "status": status}


def every(row: Row) -> list[dict[str, Any]]:
    """As a volume's document tells them."""
    return [{name: held[name] for name in _TOLD} for held in row.extra["held"]]


def _create(volumes: "Volumes", row: Row, given: dict[str, Any]) -> Answer:
    instance, status = given.get("instance_uuid"), row.document["status"]
    if "error" in status:
        raise Permanent(
            "Invalid volume: Volume attachments can not be created if the volume is in an error state. The Volume "
            f"{row.id} currently has a status of: {status} "
        )
    moving = instance and instance in [held["instance"] for held in row.extra["held"]]
    if status not in ("available", "downloading") and not (moving and status in ("in-use", "reserved")):
        raise Permanent(
            f"Invalid volume: Volume {row.id} status must be available or downloading to reserve, but the current "
            f"status is {status}."
        )
    held = hold(row, instance, "reserved", attach_mode=given.get("mode", "null"))
    if given.get("connector"):
        _connect(volumes, row, held, given["connector"])
    _changed(volumes, row)
    return Answer(200, _view(held))


def _connect(volumes: "Volumes", row: Row, held: dict[str, Any], connector: dict[str, Any]) -> None:
    others = [other for other in row.extra["held"] if other is not held]
    if any(other["connection_info"] for other in others):
        raise Permanent(f"Resource conflict: duplicate connectors detected on volume {row.id}", 409)
    mode = held["attach_mode"] if held["attach_mode"] in ("rw", "ro") else connector.get("mode", "rw")
    data = {"target_iqn": f"iqn.2010-10.org.openstack:volume-{row.id}", "volume_id": row.id, "access_mode": mode}
    held |= {
        "status": "attaching",
        "attach_mode": mode,
        "attached_at": volumes.cloud.clock().strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "connection_info": {**data, "driver_volume_type": "memory", "attachment_id": held["id"]},
        "device": connector.get("mountpoint", "na"),
    }
    _changed(volumes, row)


def _delete(volumes: "Volumes", row: Row, held: dict[str, Any]) -> Answer:
    """Not one that a server uses: its compute service would not hear of it."""
    server = volumes.cloud.rows[Kind.SERVER].get(str(held["instance"]))
    if server and held["id"] in [one["attachment_id"] for one in server.extra["attachments"]]:
        raise Permanent(
            f"ConflictNovaUsingAttachment: Detach volume from instance {server.id} using the Compute API", 409
        )
    release(row, held["id"])
    _changed(volumes, row)
    brief = ("id", "status", "instance", "volume_id")
    return Answer(200, {"attachments": [{name: left[name] for name in brief} for left in row.extra["held"]]})


def _changed(volumes: "Volumes", row: Row) -> None:
    refresh(row)
    volumes.cloud.touch(row)


def _view(held: dict[str, Any]) -> dict[str, Any]:
    return {"attachment": {name: value for name, value in held.items() if name != "device"}}


def _of_volume(held: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": held["volume_id"],
        "volume_id": held["volume_id"],
        "server_id": held["instance"],
        "host_name": None,
        "device": held.get("device"),
        "attached_at": held["attached_at"],
        "attachment_id": held["id"],
    }
