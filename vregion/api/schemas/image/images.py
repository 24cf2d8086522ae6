"""The schemas of an image and of a list of them (glance 33.0.0 publishes the same members and limits)."""

from typing import Any

from jsonschema_rs import ValidationError

from vregion.api.validation import Schema

Part = dict[str, Any]


class Worded(Schema):
    """Glance says what is wrong without saying where (glance 33.0.0 glance/schema.py)."""

    def _place(self, error: ValidationError, value: Any) -> str:
        return ""


UUID_PATTERN = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
VISIBILITIES = ["community", "public", "private", "shared"]
STATUSES = [
    "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated",
]  # fmt: skip
CONTAINERS = [None, "ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
DISKS = [None, "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]


def _read_only(kind: Any = "string", **more: Any) -> Part:
    return {"type": kind, "readOnly": True, **more}


LOCATION: Part = {
    "type": "object",
    "properties": {"url": {"type": "string", "maxLength": 255}, "metadata": {"type": "object"}},
    "required": ["url", "metadata"],
}
PROPERTIES: Part = {
    "id": {"type": "string", "pattern": UUID_PATTERN},
    "name": {"type": ["null", "string"], "maxLength": 255},
    "status": _read_only(enum=STATUSES),
    "visibility": {"type": "string", "enum": VISIBILITIES},
    "protected": {"type": "boolean"},
    "os_hidden": {"type": "boolean"},
    "checksum": _read_only(["null", "string"], maxLength=32),
    "os_hash_algo": _read_only(["null", "string"], maxLength=64),
    "os_hash_value": _read_only(["null", "string"], maxLength=128),
    "owner": {"type": ["null", "string"], "maxLength": 255},
    "size": _read_only(["null", "integer"]),
    "virtual_size": _read_only(["null", "integer"]),
    "container_format": {"type": ["null", "string"], "enum": CONTAINERS},
    "disk_format": {"type": ["null", "string"], "enum": DISKS},
    "created_at": _read_only(),
    "updated_at": _read_only(),
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}},
    "direct_url": _read_only(),
    "min_ram": {"type": "integer"},
    "min_disk": {"type": "integer"},
    "self": _read_only(),
    "file": _read_only(),
    "stores": _read_only(),
    "schema": _read_only(),
    "locations": {"type": "array", "items": LOCATION},
}
IMAGE: Part = {
    "name": "image",
    "properties": PROPERTIES,
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}
IMAGES: Part = {
    "name": "images",
    "properties": {
        "images": {"type": "array", "items": IMAGE},
        "first": {"type": "string"},
        "next": {"type": "string"},
        "schema": {"type": "string"},
    },
    "links": [
        {"rel": "first", "href": "{first}"},
        {"rel": "next", "href": "{next}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}
# What Glance's own schema lets through and its database or its quotas refuse is refused here.
BODY = Worded({
    "type": "object",
    "properties": {
        **PROPERTIES,
        "min_ram": {"type": "integer", "maximum": 0x7FFFFFFF},
        "min_disk": {"type": "integer", "maximum": 0x7FFFFFFF},
        "tags": {"type": "array", "maxItems": 128, "items": {"type": "string", "maxLength": 255}},
    },
    "additionalProperties": {"type": "string"},
    "maxProperties": 200,
})  # fmt: skip
ADD_LOCATION = Worded({
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "validation_data": {"type": ["object", "null"]},
    },
    "required": ["url"],
    "additionalProperties": False,
})  # fmt: skip
