"""Snapshots of volumes. A snapshot keeps its volume from deletion."""

from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.drivers.memory.marks import InMetadata
from vregion.model.resource import Kind


class Snapshots(MemoryCollection):
    """Cinder's snapshots; of a volume in use as well (since 3.66 without `force`)."""

    kind = Kind.SNAPSHOT
    mark = InMetadata()
    required = ("volume_id",)
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "description", "metadata"})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        volume = self.cloud.visible(Kind.VOLUME, body["volume_id"], self.project)
        if volume is None:
            raise Permanent(f"Volume {body['volume_id']} could not be found.", 404)
        if (status := volume.document["status"]) not in ("available", "in-use"):
            raise Permanent(f"Invalid volume: Volume {volume.id} status must be available or in-use, not {status}.")
        document = {
            "status": "creating",
            "size": volume.document["size"],
            "name": body.get("name"),
            "description": body.get("description"),
            "volume_id": volume.id,
            "metadata": body.get("metadata", {}),
            "user_id": self.project,
            "group_snapshot_id": None,
            "consumes_quota": True,
            "os-extended-snapshot-attributes:project_id": self.project,
            "os-extended-snapshot-attributes:progress": "0%",
        }
        row = self.add(document, mark)
        row.extra["content"] = volume.extra["content"]
        done = {"status": "available", "os-extended-snapshot-attributes:progress": "100%"}
        self.cloud.later(row, lambda: row.document.update(done))
        return row

    def discard(self, row: Row) -> None:
        if row.document["status"] not in ("available", "error"):
            raise Transient(
                "Invalid snapshot: Snapshot status must be available or error and must not be part of a group."
            )
        row.document["status"] = "deleting"
        self.cloud.touch(row)
        self.cloud.later(row, lambda: self.cloud.remove(row))
