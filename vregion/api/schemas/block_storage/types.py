"""Types that Cinder's requests share (cinder 29.0.0 `cinder/api/validation/parameter_types.py` has the same limits)."""

from typing import Any

Part = dict[str, Any]

TEXT: Part = {"type": ["string", "null"], "maxLength": 255}
PRINTABLE: Part = {**TEXT, "format": "printable"}
UUID: Part = {"type": "string", "format": "uuid"}
UUID_OR_NULL: Part = {"oneOf": [UUID, {"type": "null"}]}
BOOLEAN: Part = {
    "type": ["boolean", "string"],
    "enum": [
        True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
        False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f",
    ],
}  # fmt: skip
SIZE: Part = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1, "maximum": 0x7FFFFFFF}
SIZE_OR_NULL: Part = {**SIZE, "type": ["integer", "string", "null"]}
METADATA: Part = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:. /]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
ONE: Part = {"minProperties": 1, "maxProperties": 1}
METADATA_OR_NULL: Part = {**METADATA, "type": ["object", "null"]}


def true(value: Any) -> bool:
    """Whether one of BOOLEAN's values means yes."""
    return value is True or str(value).lower() in ("true", "1", "on", "yes", "y", "t")


def closed(properties: Part, *required: str) -> Part:
    """An object that has no other members."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def loose(name: str, properties: Part, *required: str) -> Part:
    """A body with one member that may have others, as the oldest ones may."""
    inner: Part = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "object", "properties": {name: inner}, "required": [name]}


def wrapped(name: str, inner: Part, **more: Part) -> Part:
    """A body with one member, and perhaps others beside it."""
    return closed({name: inner, **more}, name)
