"""Volumes: blank or from an image, a snapshot or another volume; attached and let go by the servers' modules."""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from vregion.drivers.contract import Answer, Permanent, Transient
from vregion.drivers.memory import attachments, room, volume_actions
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.drivers.memory.images import Images
from vregion.drivers.memory.marks import InMetadata
from vregion.model.resource import Kind

GIB = 1 << 30
_DELETABLE = (
    "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing "
    "and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated "
    "from snapshots after volume transfer."
)

_HINTS = "OS-SCH-HNT:scheduler_hints"
_SOURCES = (("snapshot_id", Kind.SNAPSHOT), ("source_volid", Kind.VOLUME), ("backup_id", Kind.BACKUP))
_ALWAYS = {
    "encrypted": False, "replication_status": None, "consistencygroup_id": None, "multiattach": False, "group_id": None,
    "shared_targets": False, "service_uuid": None, "consumes_quota": True,
}  # fmt: skip


class Volumes(MemoryCollection):
    """Cinder's volumes. `extra['content']` is the image content that the volume began with."""

    kind = Kind.VOLUME
    mark = InMetadata()
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "description", "metadata", "size", "bootable"})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        source, least = self._source(body)
        size = body.get("size") or least
        if not size or size < least:
            raise Permanent(
                f"Invalid input received: Volume size '{size}'GB cannot be smaller than the source's size {least}GB."
            )
        volume_type = self.type_of(body.get("volume_type"))
        if (zone := body.get("availability_zone")) not in (None, self.cloud.availability_zone):
            raise Permanent(f"Availability zone '{zone}' is invalid.")
        content = source.extra.get("content") if source else None
        document = {
            "status": "creating",
            "size": size,
            "availability_zone": self.cloud.availability_zone,
            "name": body.get("name"),
            "description": body.get("description"),
            "volume_type": volume_type,
            "volume_type_id": self.cloud.volume_types[volume_type],
            "snapshot_id": body.get("snapshot_id"),
            "source_volid": body.get("source_volid"),
            "metadata": body.get("metadata", {}),
            "user_id": self.project,
            "bootable": "true" if content else "false",
            "attachments": [],
            "os-vol-tenant-attr:tenant_id": self.project,
        }
        room.take(self.cloud, self.project, {"gigabytes": size})
        row = self.add(_ALWAYS | document, mark)
        row.extra |= {"content": content, "held": []}
        if source and source.kind == Kind.IMAGE:
            shown = ("min_disk", "min_ram", "disk_format", "container_format", "checksum")
            named = {"image_id": source.id, "image_name": source.document["name"]}
            row.document["volume_image_metadata"] = named | {name: str(source.document[name]) for name in shown}
        words = self.cloud.faults.next_build_error(self.kind)
        if (body.get(_HINTS) or {}).get("different_host"):  # there is one host
            words = "schedule allocate volume:Could not find any available weighted backend."
            row.extra["messages"] = [_message("VOLUME_VOLUME_001_003", words)]
        if words:
            row.extra["fault"] = words
            self.cloud.later(row, lambda: row.document.update(status="error"))
        else:
            self.cloud.later(row, lambda: settled(row))
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        size = fields.pop("size", None)
        row.document |= fields
        if size is not None:
            self.extend(row, size)

    def discard(self, row: Row) -> None:
        has_snapshots = any(snapshot.document["volume_id"] == row.id for snapshot in self.cloud.of(Kind.SNAPSHOT))
        if row.document["status"] not in ("available", "error") or has_snapshots:
            raise Transient(_DELETABLE)
        row.document["status"] = "deleting"
        self.cloud.touch(row)
        self.cloud.later(row, lambda: self.cloud.remove(row))

    def render(self, row: Row) -> dict[str, Any]:
        """With all that hold it, not the attached alone."""
        return super().render(row) | {"every_attachment": attachments.every(row)} | self.messages(row)

    def messages(self, row: Row) -> dict[str, Any]:
        """What Cinder has to say of one that failed."""
        failed = row.document["status"] == "error" and "messages" in row.extra
        return {"messages": row.extra["messages"]} if failed else {}

    def call(self, row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
        if path.startswith("/attachments"):
            return attachments.call(self, row, method, path, body)
        if (method, path) != ("POST", "/action"):
            return super().call(row, method, path, body)
        return volume_actions.act(self, row, body)

    def extend(self, row: Row, size: int) -> None:
        """Cinder >= 3.42 extends a volume in use as well."""
        if (status := row.document["status"]) not in ("available", "in-use"):
            raise Permanent(f"Invalid volume: Volume {row.id} status must be available to extend, not {status}.")
        if size <= row.document["size"]:
            raise Permanent(
                "Invalid input received: New size for extend must be greater than current size. "
                f"(current: {row.document['size']}, extended: {size})."
            )
        row.document["status"] = "extending"
        self.cloud.later(row, lambda: settled(row, size=size))

    def upload(self, row: Row, given: dict[str, Any]) -> dict[str, Any]:
        status = row.document["status"]
        if status != "available" and not (given.get("force") and status == "in-use"):
            raise Permanent("Invalid volume: Volume status must be available or in-use (with force).")
        body = {"name": given["image_name"], "visibility": given.get("visibility", "private")}
        image = Images(self.cloud, self.project).of_content(
            body | {"disk_format": given.get("disk_format")}, row.extra["content"]
        )
        row.document["status"] = "uploading"
        self.cloud.touch(row)
        self.cloud.later(row, lambda: settled(row))
        shown = {name: row.document[name] for name in ("id", "status", "size", "updated_at")}
        formats = ("disk_format", "container_format", "visibility", "protected")
        shown |= {name: image.document[name] for name in formats}
        return shown | {"image_id": image.id, "image_name": given["image_name"]}

    def type_of(self, wanted: str | None) -> str:
        for name, external_id in self.cloud.volume_types.items():
            if wanted in (None, name, external_id):
                return name
        raise Permanent(f"Volume type with name {wanted} could not be found.", 404)

    def _source(self, body: dict[str, Any]) -> tuple[Row | None, int]:
        """What the volume begins with, and the least size for that."""
        if image := body.get("imageRef") or body.get("image_id"):
            row = self.cloud.visible(Kind.IMAGE, image, self.project)
            if row is None or row.document["status"] != "active":
                raise Permanent("Invalid image identifier or unable to access requested image.")
            return row, max(-(-row.document["size"] // GIB), row.document["min_disk"])
        for name, kind in _SOURCES:
            if wanted := body.get(name):
                row = self.cloud.visible(kind, wanted, self.project)
                if row is None:
                    raise Permanent(f"{kind.capitalize()} {wanted} could not be found.", 404)
                if row.document["status"] not in ("available", "in-use"):
                    raise Permanent(f"Invalid {kind}: {kind} {wanted} is not available.")
                return row, row.document["size"]
        return None, 0


def _message(event_id: str, words: str) -> dict[str, Any]:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    told = {"event_id": event_id, "user_message": words, "message_level": "ERROR", "resource_type": "VOLUME"}
    return told | {"id": str(uuid.uuid4()), "request_id": f"req-{uuid.uuid4()}", "created_at": at}


def settled(row: Row, **fields: Any) -> None:
    """In use or not, whatever happened meanwhile: a server's own new disk is attached before it is built."""
    row.document |= fields
    attachments.refresh(row)


def attach(volume: Row, server: Row, device: str | None, delete_on_termination: bool) -> dict[str, Any]:
    """Both sides know of the attachment from now on; it is reserved until `attachments.complete`."""
    held = attachments.hold(volume, server.id, "reserved", attach_mode="null")
    attachment = {
        "volumeId": volume.id,
        "serverId": server.id,
        "device": device,
        "tag": None,
        "delete_on_termination": delete_on_termination,
        "attachment_id": held["id"],
        "bdm_uuid": str(uuid.uuid4()),
    }
    server.extra["attachments"].append(attachment)
    volume.release = lambda: server.extra["attachments"].remove(attachment)
    return attachment


def detach(volume: Row, server: Row) -> None:
    """The volume is available again."""
    ended = [one["attachment_id"] for one in server.extra["attachments"] if one["volumeId"] == volume.id]
    server.extra["attachments"] = [one for one in server.extra["attachments"] if one["volumeId"] != volume.id]
    for attachment_id in ended:
        attachments.release(volume, attachment_id)
    volume.release = lambda: None
