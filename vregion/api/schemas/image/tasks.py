"""The schemas of a task and of a list of them; in a list a task shows less."""

from typing import Any

from vregion.api.schemas.image.images import UUID_PATTERN, Worded

Part = dict[str, Any]
_HIDDEN_IN_LISTS = ("input", "result", "message")
_TEXT: Part = {"type": "string"}
_FIELDS: Part = {
    "id": {"pattern": UUID_PATTERN, "type": "string"},
    "type": {"enum": ["import", "api_image_import", "location_import"], "type": "string"},
    "status": {"enum": ["pending", "processing", "success", "failure"], "type": "string"},
    "input": {"type": ["null", "object"]},
    "result": {"type": ["null", "object"]},
    "owner": _TEXT,
    "message": _TEXT,
    "image_id": _TEXT,
    "request_id": _TEXT,
    "user_id": _TEXT,
    "expires_at": {"type": ["null", "string"]},
    "created_at": _TEXT,
    "updated_at": _TEXT,
    "self": {"readOnly": True, "type": "string"},
    "schema": {"readOnly": True, "type": "string"},
}
TASK: Part = {"name": "task", "properties": _FIELDS}
_BRIEF: Part = {"name": "task", "properties": {k: v for k, v in _FIELDS.items() if k not in _HIDDEN_IN_LISTS}}
TASKS: Part = {
    "name": "tasks",
    "properties": {"tasks": {"type": "array", "items": _BRIEF}, "schema": _TEXT},
    "links": [{"rel": "describedby", "href": "{schema}"}],
}
BODY = Worded({"type": "object", "properties": _FIELDS, "additionalProperties": False})
