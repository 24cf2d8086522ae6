"""The schemas of metadata definitions (glance 33.0.0 publishes the same members and limits), and what bodies must be.

Used by the metadef files of `vregion.api.image` to check bodies and by `schemas` there to publish. `format` is
published and not checked, as Glance does it (glance/schema.py `validate`).
"""

from typing import Any

from vregion.api.schemas.image.images import Worded

Part = dict[str, Any]
_TEXT: Part = {"type": "string"}
_NAME: Part = {"type": "string", "maxLength": 80}
_READ_ONLY: Part = {"readOnly": True, "type": "string"}
_TIME: Part = {"type": "string", "readOnly": True, "format": "date-time"}
_STRINGS: Part = {"type": "array", "items": _TEXT, "uniqueItems": True}
_COUNT: Part = {"$ref": "#/definitions/positiveInteger"}
_COUNT_FROM_0: Part = {"$ref": "#/definitions/positiveIntegerDefault0"}
_KIND: Part = {"type": "string", "enum": ["array", "boolean", "integer", "number", "object", "string", None]}
_FIELDS: Part = {
    "name": _NAME,
    "title": _TEXT,
    "description": _TEXT,
    "operators": {"type": "array", "items": _TEXT},
    "type": _KIND,
    "required": {"$ref": "#/definitions/stringArray"},
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": _COUNT,
    "minLength": _COUNT_FROM_0,
    "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"},
    "readonly": {"type": "boolean"},
    "default": {},
    "items": {"type": "object", "properties": {"type": _KIND, "enum": {"type": "array"}}},
    "maxItems": _COUNT,
    "minItems": _COUNT_FROM_0,
    "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}
_NUMBERS: Part = {
    "positiveInteger": {"type": "integer", "minimum": 0},
    "positiveIntegerDefault0": {"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]},
}
_DEFINITIONS: Part = _NUMBERS | {
    "stringArray": _STRINGS,
    "property": {
        "type": "object",
        "additionalProperties": {"type": "object", "required": ["title", "type"], "properties": _FIELDS},
    },
}
_PROPERTY_DEFINITIONS: Part = _NUMBERS | {"stringArray": {**_STRINGS, "minItems": 1}}
_PROPERTIES: Part = {"$ref": "#/definitions/property"}
_OBJECT: Part = {
    "name": _NAME,
    "description": _TEXT,
    "required": {"$ref": "#/definitions/stringArray"},
    "properties": _PROPERTIES,
}
_TIMES: Part = {"created_at": _TIME, "updated_at": _TIME}
_LINKS: Part = {"schema": _READ_ONLY, "self": _READ_ONLY}


def _schema(name: str, properties: Part, required: list[str], definitions: Part | None = None) -> Part:
    found: Part = {"name": name, "properties": properties, "additionalProperties": False, "required": required}
    return found | ({"definitions": definitions} if definitions else {})


def collection(name: str, item: Part) -> Part:
    """Of a list of items, with Glance's links; the item's definitions move to the top."""
    inner = {key: value for key, value in item.items() if key != "definitions"}
    links = [("first", "first"), ("next", "next"), ("describedby", "schema")]
    found: Part = {
        "name": name,
        "properties": {name: {"type": "array", "items": inner}, "first": _TEXT, "next": _TEXT, "schema": _TEXT},
        "links": [{"rel": rel, "href": f"{{{href}}}"} for rel, href in links],
    }
    return found | ({"definitions": item["definitions"]} if "definitions" in item else {})


NAMESPACE = _schema(
    "namespace",
    {
        "namespace": _NAME,
        "display_name": _NAME,
        "description": {"type": "string", "maxLength": 500},
        "visibility": {"type": "string", "enum": ["public", "private"]},
        "protected": {"type": "boolean"},
        "owner": {"type": "string", "maxLength": 255},
        **_TIMES,
        **_LINKS,
        "resource_type_associations": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": _TEXT, "prefix": _TEXT, "properties_target": _TEXT}},
        },
        "properties": _PROPERTIES,
        "objects": {"type": "array", "items": {"type": "object", "properties": {**_OBJECT, "name": _TEXT}}},
        "tags": {"type": "array", "items": {"type": "object", "properties": {"name": _TEXT}}},
    },
    ["namespace"],
    _DEFINITIONS,
)
OBJECT = _schema("object", {**_OBJECT, **_LINKS, **_TIMES}, ["name"], _DEFINITIONS)
PROPERTY = _schema("property", _FIELDS, ["type", "title", "name"], _PROPERTY_DEFINITIONS)
NAMELESS_PROPERTY = PROPERTY | {"required": ["type", "title"]}
RESOURCE_TYPE = _schema(
    "resource_type_association", {"name": _NAME, "prefix": _NAME, "properties_target": _NAME, **_TIMES}, ["name"]
)
TAG = _schema("tag", {"name": _NAME, **_TIMES}, ["name"])
TAGS = {
    "name": "tags",
    "properties": {
        "tags": {
            "type": "array",
            "items": {
                "type": "object", "properties": {"name": _TEXT}, "required": ["name"], "additionalProperties": False,
            },
        }
    },
    "additionalProperties": False,
}  # fmt: skip


def properties() -> Part:
    """Of all properties of a namespace, by name."""
    found = collection("properties", NAMELESS_PROPERTY)
    inner = found["properties"]["properties"]["items"]
    found["properties"]["properties"] = {"type": "object", "additionalProperties": inner}
    return found


def _unformatted(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _unformatted(value) for key, value in part.items() if key != "format"}
    return [_unformatted(item) for item in part] if isinstance(part, list) else part


def _body(schema: Part) -> Worded:
    return Worded({"type": "object", **_unformatted(schema)})


NAMESPACE_BODY = _body(NAMESPACE)
OBJECT_BODY = _body(OBJECT)
PROPERTY_BODY = _body(PROPERTY)
NAMELESS_PROPERTY_BODY = _body(NAMELESS_PROPERTY)
RESOURCE_TYPE_BODY = _body(RESOURCE_TYPE)
TAG_BODY = _body(TAG)
TAGS_BODY = _body(TAGS)
