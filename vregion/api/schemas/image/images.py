"""The schemas of an image and of a list of them (glance 33.0.0 publishes the same members and limits)."""

from pprint import pformat
from textwrap import indent
from typing import Any

from jsonschema_rs import ValidationError

from vregion.api.validation import Schema, part_of, path_of

Part = dict[str, Any]


class Worded(Schema):
    """Glance shows all that the Python package jsonschema says of a violation (glance 33.0.0 glance/schema.py): what is
    wrong, and below it the part of the schema and the part of the body. Our parts have no descriptions.
    """

    def _told(self, errors: list[ValidationError], instance: Any) -> ValidationError:
        """The last by name of those that lie least deep (jsonschema 4.26.0 exceptions.py best_match)."""
        paths = [(error, path_of(error, instance)) for error in errors]
        return max(paths, key=lambda one: (-len(one[1]), one[1]))[0]

    def _place(self, error: ValidationError, path: list[str | int], value: Any) -> str:
        return ""

    def _words(self, error: ValidationError, data: Any, instance: Any) -> str:
        words = super()._words(error, data, instance)
        *where, keyword = error.schema_path
        told = [step for step in error.evaluation_path if step != "$ref"][:-1]
        schema = _shown("schema", told, part_of(data, where))
        path = path_of(error, instance)
        value = _shown("instance", path, part_of(instance, path))
        return f"{words}\n\nFailed validating {keyword!r} in {schema}\n\nOn {value}"


def _shown(noun: str, path: list[str | int], value: Any) -> str:
    """`noun['a'][0]:` and the value, indented."""
    place = "".join(f"[{step!r}]" for step in path)
    return f"{noun}{place}:\n{indent(pformat(value, width=72, sort_dicts=False), '    ')}"


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
        "tags": {"type": "array", "maxItems": 128, "items": {"type": "string", "maxLength": 255}},
    },
    "additionalProperties": {"type": "string"},
    "maxProperties": 200,
})  # fmt: skip
VALIDATION_DATA = {
    "type": "object",
    "properties": {
        "os_hash_algo": {"type": "string", "enum": ["sha1", "sha256", "sha512", "md5"]},
        "os_hash_value": {"type": "string", "maxLength": 128},
    },
    "additionalProperties": False,
}
VALIDATED = Worded(VALIDATION_DATA)
ADD_LOCATION = Worded({
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "validation_data": VALIDATION_DATA,
    },
    "required": ["url"],
    "additionalProperties": False,
})  # fmt: skip
