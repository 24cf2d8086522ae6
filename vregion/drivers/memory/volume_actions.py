"""A volume's actions: /action below it. Called by `volumes`; what takes time is done by the cloud's clock."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vregion.drivers.contract import Answer, Permanent
from vregion.drivers.memory import attachments
from vregion.drivers.memory.cloud import Row
from vregion.model.resource import Kind

if TYPE_CHECKING:
    from vregion.drivers.memory.volumes import Volumes

Given = dict[str, Any]


def act(volumes: "Volumes", row: Row, body: dict[str, Any]) -> Answer:
    """One action by its name. Raises Permanent as Cinder refuses."""
    name, given = next(iter(body.items()), ("", None))
    if name not in _ACTIONS:
        raise Permanent(
            f"There is no such action: {name}. Verify the request body and Content-Type header and try again."
        )
    answer = _ACTIONS[name](volumes, row, given or {})
    volumes.cloud.touch(row)
    return answer


def _extend(volumes: "Volumes", row: Row, given: Given) -> Answer:
    volumes.extend(row, given["new_size"])
    return Answer(202, None)


def _set_bootable(volumes: "Volumes", row: Row, given: Given) -> Answer:
    row.document["bootable"] = str(bool(given["bootable"])).lower()
    return Answer(200, None)


def _read_only(volumes: "Volumes", row: Row, given: Given) -> Answer:
    row.document["metadata"]["readonly"] = str(bool(given["readonly"]))
    return Answer(202, None)


def _upload(volumes: "Volumes", row: Row, given: Given) -> Answer:
    return Answer(202, {"os-volume_upload_image": volumes.upload(row, given)})


def _between(states: tuple[str, ...], status: str) -> Callable[["Volumes", Row, Given], Answer]:
    """From one of these states to that one."""

    def change(volumes: "Volumes", row: Row, given: Given) -> Answer:
        _require(row, *states)
        row.document["status"] = status
        return Answer(202, None)

    return change


def _undone(begun: str, status: str) -> Callable[["Volumes", Row, Given], Answer]:
    """Back from what had begun; nothing, if it had not."""

    def change(volumes: "Volumes", row: Row, given: Given) -> Answer:
        if row.document["status"] == begun:
            row.document["status"] = status
        return Answer(202, None)

    return change


def _retype(volumes: "Volumes", row: Row, given: Given) -> Answer:
    _require(row, "available", "in-use")
    name = volumes.type_of(given["new_type"])
    if name == row.document["volume_type"]:
        raise Permanent("Invalid input received: New volume_type same as original: " + name + ".")
    row.document |= {"volume_type": name, "volume_type_id": volumes.cloud.volume_types[name]}
    return Answer(202, None)


def _revert(volumes: "Volumes", row: Row, given: Given) -> Answer:
    """Only to the newest, as Cinder."""
    _require(row, "available")
    snapshots = [s for s in volumes.cloud.of(Kind.SNAPSHOT, volumes.project) if s.document["volume_id"] == row.id]
    if not snapshots or snapshots[-1].id != given["snapshot_id"]:
        raise Permanent(f"Invalid volume: Volume {row.id} can only be reverted to its latest snapshot.")
    row.extra["content"] = snapshots[-1].extra["content"]
    return Answer(202, None)


def _image_metadata(volumes: "Volumes", row: Row, given: Given) -> Answer:
    known = row.document.setdefault("volume_image_metadata", {})
    known |= given["metadata"]
    return Answer(200, {"metadata": dict(known)})


def _no_image_metadata(volumes: "Volumes", row: Row, given: Given) -> Answer:
    known = row.document.get("volume_image_metadata", {})
    if given["key"] not in known:
        raise Permanent(f"Glance metadata for volume/snapshot {row.id} cannot be found.", 404)
    del known[given["key"]]
    if not known:
        del row.document["volume_image_metadata"]
    return Answer(200, None)


def _reimage(volumes: "Volumes", row: Row, given: Given) -> Answer:
    _require(row, "available", "error")
    image = volumes.cloud.visible(Kind.IMAGE, given["image_id"], volumes.project)
    if image is None:
        raise Permanent(f"Image {given['image_id']} could not be found.", 404)
    row.extra["content"] = image.extra.get("content")
    row.document["bootable"] = "true"
    return Answer(202, None)


def _attach(volumes: "Volumes", row: Row, given: Given) -> Answer:
    """By the caller's word alone: whoever calls this has connected it himself."""
    _require(row, "attaching", "available")
    at = volumes.cloud.clock().strftime("%Y-%m-%dT%H:%M:%S.%f")
    named = {"attached_at": at, "attach_mode": given.get("mode", "rw"), "device": given["mountpoint"]}
    attachments.hold(row, given.get("instance_uuid"), "attached", **named)
    return Answer(202, None)


def _detach(volumes: "Volumes", row: Row, given: Given) -> Answer:
    """Of an attachment that is not there Cinder says that a server has it (29.0.0 volume/api.py, bug 2004555)."""
    if (one := given.get("attachment_id")) and one not in [held["id"] for held in row.extra["held"]]:
        words = "ConflictNovaUsingAttachment: Detach volume from instance  using the Compute API"
        raise Permanent(words, 409)
    _require(row, "in-use", "detaching")
    attachments.release(row, given.get("attachment_id"))
    return Answer(202, None)


def _connection(volumes: "Volumes", row: Row, given: Given) -> Answer:
    return Answer(200, {"connection_info": {"driver_volume_type": "memory", "data": {"volume": row.id}}})


def _no_connection(volumes: "Volumes", row: Row, given: Given) -> Answer:
    return Answer(202, None)


def _require(row: Row, *states: str) -> None:
    if (status := row.document["status"]) not in states:
        raise Permanent(f"Invalid volume: Volume {row.id} status must be {' or '.join(states)}, but it is {status}.")


_ACTIONS: dict[str, Callable[["Volumes", Row, Given], Answer]] = {
    "os-attach": _attach,
    "os-begin_detaching": _between(("in-use",), "detaching"),
    "os-detach": _detach,
    "os-extend": _extend,
    "os-initialize_connection": _connection,
    "os-reimage": _reimage,
    "os-reserve": _between(("available",), "attaching"),
    "os-retype": _retype,
    "os-roll_detaching": _undone("detaching", "in-use"),
    "os-set_bootable": _set_bootable,
    "os-set_image_metadata": _image_metadata,
    "os-terminate_connection": _no_connection,
    "os-unreserve": _undone("attaching", "available"),
    "os-unset_image_metadata": _no_image_metadata,
    "os-update_readonly_flag": _read_only,
    "os-volume_upload_image": _upload,
    "revert": _revert,
}
