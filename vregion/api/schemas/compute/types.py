"""Types that Nova's requests share (nova 34.0.0 `nova/api/validation/parameter_types.py` has the same limits)."""

from typing import Any

Part = dict[str, Any]

NAME: Part = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
NAME_OR_NULL: Part = {"oneOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "null"}]}
DESCRIPTION: Part = {"type": ["string", "null"], "maxLength": 255, "format": "printable"}
UUID: Part = {"type": "string", "format": "uuid"}
UUID_OR_EMPTY: Part = {"oneOf": [UUID, {"type": "string", "maxLength": 0}]}
FLAVOR_REF: Part = {"type": ["string", "integer"], "minLength": 1}
BOOLEAN: Part = {
    "type": ["boolean", "string"],
    "enum": [
        True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes",
        False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no",
    ],
}  # fmt: skip
POSITIVE: Part = {"type": ["integer", "string"], "minLength": 1, "pattern": "^[0-9]*$", "minimum": 1}
NOT_NEGATIVE: Part = {"type": ["integer", "string"], "minLength": 1, "pattern": "^[0-9]*$", "minimum": 0}
VOLUME_SIZE: Part = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1, "maximum": 0x7FFFFFFF}
METADATA: Part = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
IP_ADDRESS: Part = {"type": "string", "oneOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
IPV4: Part = {"type": "string", "format": "ipv4"}
IPV6: Part = {"type": "string", "format": "ipv6"}
DISK_CONFIG: Part = {"type": "string", "enum": ["AUTO", "MANUAL"]}
HOSTNAME: Part = {
    "type": "string",
    "minLength": 2,
    "maxLength": 63,
    "pattern": "^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$",
}
FQDN: Part = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-._]*$"}
TAG: Part = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[^,/]*$"}
# Nova takes 50 tags of a server. One of them is the mark by which vregion knows the server in its zone.
TAGS: Part = {"type": "array", "items": TAG, "maxItems": 50}
USER_DATA: Part = {"type": "string", "format": "base64", "maxLength": 65535}
USER_DATA_OR_NULL: Part = {"type": ["string", "null"], "format": "base64", "maxLength": 65535}
TRUSTED: Part = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1},
}
PERSONALITY: Part = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "contents": {"type": "string", "format": "base64"}},
        "additionalProperties": False,
    },
}


def wrapped(name: str, inner: Any, **more: Any) -> Part:
    """A body with one member, and perhaps others beside it."""
    return {
        "type": "object",
        "properties": {name: inner, **more},
        "required": [name],
        "additionalProperties": False,
    }


def closed(properties: Part, required: Any = ()) -> Part:
    """An object that has no other members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required) if isinstance(required, tuple) else required,
        "additionalProperties": False,
    }
