"""Backups of volumes: the content as it was, whatever becomes of the volume."""

from typing import Any, ClassVar

from vregion.drivers.contract import Answer, Permanent
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.drivers.memory.marks import InMetadata
from vregion.drivers.memory.volumes import settled
from vregion.model.resource import Kind


class Backups(MemoryCollection):
    """Cinder's backups."""

    kind = Kind.BACKUP
    mark = InMetadata()
    required = ("volume_id",)
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "description", "metadata"})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        volume = self._volume(body["volume_id"], "available", *(("in-use",) if body.get("force") else ()))
        earlier = [row for row in self.cloud.of(Kind.BACKUP, self.project) if row.document["volume_id"] == volume.id]
        if body.get("incremental") and not earlier:
            raise Permanent("Invalid backup: No backups available to do an incremental backup.")
        document = {
            "status": "creating",
            "size": volume.document["size"],
            "object_count": 0,
            "availability_zone": self.cloud.availability_zone,
            "container": body.get("container"),
            "name": body.get("name"),
            "description": body.get("description"),
            "fail_reason": None,
            "volume_id": volume.id,
            "is_incremental": bool(body.get("incremental")),
            "has_dependent_backups": False,
            "snapshot_id": body.get("snapshot_id"),
            "metadata": body.get("metadata", {}),
        }
        row = self.add(document, mark)
        row.extra["content"] = volume.extra["content"]
        if body.get("incremental"):
            earlier[-1].document["has_dependent_backups"] = True
        volume.document["status"] = "backing-up"
        self.cloud.later(row, lambda: self._done(row, volume))
        return row

    def discard(self, row: Row) -> None:
        row.document["status"] = "deleting"
        self.cloud.touch(row)
        self.cloud.later(row, lambda: self.cloud.remove(row))

    def call(self, row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
        if (method, path) != ("POST", "/restore"):
            return super().call(row, method, path, body)
        volume = self._volume(body["restore"]["volume_id"], "available")
        volume.extra["content"] = row.extra["content"]
        row.document["status"], volume.document["status"] = "restoring", "restoring-backup"
        self.cloud.later(row, lambda: self._done(row, volume))
        told = {"backup_id": row.id, "volume_id": volume.id, "volume_name": volume.document["name"]}
        return Answer(202, {"restore": told})

    def _done(self, row: Row, volume: Row) -> None:
        row.document |= {"status": "available", "container": row.document["container"] or "backups", "object_count": 1}
        settled(volume)

    def _volume(self, external_id: str, *states: str) -> Row:
        volume = self.cloud.visible(Kind.VOLUME, external_id, self.project)
        if volume is None:
            raise Permanent(f"Volume {external_id} could not be found.", 404)
        if (status := volume.document["status"]) not in states:
            raise Permanent(f"Invalid volume: Volume status must be {' or '.join(states)}, not {status}.")
        return volume
