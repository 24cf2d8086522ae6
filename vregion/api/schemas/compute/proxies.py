"""Requests of Nova's old proxies (nova 34.0.0 `compute/schemas/`: images, volumes, snapshots, security_groups, ...)."""

from vregion.api.schemas.compute.types import BOOLEAN, METADATA, NOT_NEGATIVE, POSITIVE, Part, closed, wrapped
from vregion.api.validation import Schema

_TEXT: Part = {"type": "string"}
_NAME: Part = {"type": "string", "maxLength": 255}
_PRINTABLE: Part = {**_NAME, "format": "printable"}
_OFFSETS: Part = {"type": "array", "items": NOT_NEGATIVE}
_PAGES: Part = {"type": "array", "items": POSITIVE}
_UUID_OR_NULL: Part = {"type": ["string", "null"], "format": "uuid"}


def _open(name: str, properties: Part, required: list[str]) -> Part:
    inner = {"type": "object", "properties": properties, "required": required}
    return {"type": "object", "properties": {name: inner}, "required": [name]}


OFFSET = Schema({"type": "object", "properties": {"limit": _OFFSETS, "offset": _OFFSETS}}, query=True)
IMAGES = Schema({"type": "object", "properties": {"limit": _PAGES, "page_size": _PAGES, "offset": _PAGES}}, query=True)
IMAGE_METADATA = Schema(wrapped("metadata", METADATA))
IMAGE_META = Schema(wrapped("meta", METADATA | {"minProperties": 1, "maxProperties": 1}))
VOLUME = Schema(
    wrapped(
        "volume",
        closed(
            {
                "size": {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1},
                "metadata": METADATA,
                "volume_type": _NAME,
                "snapshot_id": _TEXT,
                "availability_zone": _NAME,
                "display_name": _NAME,
                "display_description": _NAME,
            },
            ("size",),
        ),
    )
)
SNAPSHOT = Schema(
    wrapped(
        "snapshot",
        closed(
            {
                "volume_id": _TEXT,
                "force": BOOLEAN,
                "display_name": _NAME,
                "display_description": _PRINTABLE,
            },
            ("volume_id",),
        ),
    )
)
SECURITY_GROUP = Schema(_open("security_group", {"name": _NAME, "description": _NAME}, ["name", "description"]))
SECURITY_GROUP_RULE = Schema(
    _open(
        "security_group_rule",
        {"group_id": _UUID_OR_NULL, "parent_group_id": {"type": "string", "format": "uuid"}},
        ["parent_group_id"],
    )
)
FLOATING_IP = Schema({"type": ["object", "null"], "properties": {"pool": {"type": ["string", "null"]}}})
