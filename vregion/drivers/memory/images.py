"""Images: records as Glance has them, their bytes in temporary files, checksums from the bytes themselves.

`Content` never changes once it is made, so snapshots and volumes share it; its file goes with the last of them.
"""

import hashlib
import weakref
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vregion.drivers.contract import Gone, Permanent
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.drivers.memory.marks import PREFIX, InPropertyOrName
from vregion.model.resource import Kind

CHUNK = 1 << 16
# What Glance itself decides.
_DERIVED = frozenset({
    "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value", "owner", "created_at", "updated_at",
    "self", "file", "schema", "stores", "id",
})  # fmt: skip
_BASE: dict[str, Any] = {
    "name": None, "disk_format": None, "container_format": None, "visibility": "shared", "protected": False,
    "min_ram": 0, "min_disk": 0, "os_hidden": False, "tags": [], "size": None, "virtual_size": None, "checksum": None,
    "os_hash_algo": None, "os_hash_value": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Content:
    """The bytes of an image."""

    path: Path
    size: int
    checksum: str
    os_hash_value: str

    def read(self, offset: int) -> Iterator[bytes]:
        """The bytes from an offset on, in chunks."""
        with self.path.open("rb") as source:
            source.seek(offset)
            while chunk := source.read(CHUNK):
                yield chunk


class Writer:
    """Takes an image's bytes as they come; after its `with` there is `content`."""

    content: Content

    def __init__(self, cloud: MemoryCloud) -> None:
        self._path = cloud.file()
        self._file = self._path.open("wb")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha512 = hashlib.sha512()

    def __enter__(self) -> Self:
        return self

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)
        self._md5.update(chunk)
        self._sha512.update(chunk)

    def __exit__(self, *trouble: object) -> None:
        """The file goes with the content, and the content with whoever has it."""
        size = self._file.tell()
        self._file.close()
        self.content = Content(self._path, size, self._md5.hexdigest(), self._sha512.hexdigest())
        weakref.finalize(self.content, self._path.unlink, missing_ok=True)


def _blank(cloud: MemoryCloud) -> Content:
    with Writer(cloud) as writer:
        pass
    return writer.content


class Images(MemoryCollection):
    """Glance's images. Any further field of a body is a property, as in Glance."""

    kind = Kind.IMAGE
    mark = InPropertyOrName()

    def add(self, document: dict[str, Any], mark: str | None) -> Row:
        """With the mark as a property, unless the name is the mark."""
        if mark is None or document.get("name") != PREFIX + mark:
            return super().add(document, mark)
        return self.cloud.add(self.kind, self.project, document, mark)

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        if "volume" in body:
            return self._of_volume(body, str(mark))
        if derived := body.keys() & (_DERIVED - {"id"}):
            raise Permanent(f"Attribute '{min(derived)}' is read-only.", 403)
        if body.get("id") in self.cloud.rows[self.kind]:
            raise Permanent(f"Image ID {body['id']} already exists!", 409)
        document = _BASE | body | {"status": "queued", "owner": self.project}
        row = self.add(document, mark)
        place = f"/v2/images/{row.id}"
        row.document |= {"self": place, "file": f"{place}/file", "schema": "/v2/schemas/image"}
        return row

    def fixed(self, names: Set[str]) -> Set[str]:
        """All that Glance does not decide itself may be set, as any name can be a property."""
        return names & _DERIVED

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        """A property given as None is removed."""
        row.document |= fields
        for name in [name for name, value in fields.items() if value is None and name not in _BASE]:
            del row.document[name]

    def discard(self, row: Row) -> None:
        if row.document["protected"]:
            raise Permanent(f"Image {row.id} is protected and cannot be deleted.", 403)
        self.cloud.remove(row)

    def queued(self, external_id: str) -> Row:
        """An image that can take bytes."""
        row = self.row(external_id)
        if (status := row.document["status"]) != "queued":
            raise Permanent(f"Image status transition from {status} to saving is not allowed", 409)
        if row.document["disk_format"] is None or row.document["container_format"] is None:
            raise Permanent("Properties disk_format, container_format must be set prior to saving data.")
        return row

    def take(self, external_id: str, content: Content) -> None:
        """An upload has ended: the queued image gets its bytes."""
        row = self.queued(external_id)
        self.fill(row, content)
        self.cloud.touch(row)

    def fill(self, row: Row, content: Content) -> None:
        """Make the image active with these bytes."""
        row.extra["content"] = content
        row.document |= {
            "status": "active",
            "size": content.size,
            "virtual_size": content.size,
            "checksum": content.checksum,
            "os_hash_algo": "sha512",
            "os_hash_value": content.os_hash_value,
            "stores": "memory",
        }

    def content(self, external_id: str) -> Content:
        """The bytes; raises `Gone` when there are none."""
        content = self.row(external_id).extra.get("content")
        if not isinstance(content, Content):
            raise Gone(f"Image {external_id} has no data.")
        return content

    def _of_volume(self, body: dict[str, Any], mark: str) -> Row:
        """What Cinder makes of a volume."""
        volume = self.cloud.visible(Kind.VOLUME, body["volume"], self.project)
        if volume is None:
            raise Permanent(f"Volume {body['volume']} could not be found.", 404)
        if (status := volume.document["status"]) not in ("available", "in-use"):
            raise Permanent(f"Invalid volume: Volume status must be available or in-use, not {status}.")
        wanted = {name: value for name, value in body.items() if name != "volume"}
        row = self.make(wanted | {"name": PREFIX + mark, "visibility": "private"}, mark)
        self.cloud.later(row, lambda: self.fill(row, volume.extra["content"] or _blank(self.cloud)))
        return row

    def of_content(self, body: dict[str, Any], content: Content | None) -> Row:
        """An image that another service makes from a server or a volume; a blank disk has no bytes."""
        row = self.make(body | {"disk_format": body.get("disk_format") or "raw", "container_format": "bare"}, None)
        self.cloud.later(row, lambda: self.fill(row, content or _blank(self.cloud)))
        return row
