"""What may be asked of quotas: any name, each with a number from -1 on (cinder 29.0.0 validators.py quota_set)."""

from vregion.api.schemas.block_storage.types import wrapped
from vregion.api.validation import Schema

_MOST = 0x7FFFFFFF
_LIMIT = {"type": "integer", "minimum": -1, "maximum": _MOST}
_CLASS_LIMIT = {"type": ["integer", "string"], "pattern": "^[0-9]*$", "minimum": -1, "minLength": 1, "maximum": _MOST}
UPDATE = Schema(
    wrapped(
        "quota_set",
        {
            "type": "object",
            "minProperties": 1,
            "properties": {"tenant_id": {}, "id": {}},
            "additionalProperties": _LIMIT,
        },
    )
)
UPDATE_CLASS = Schema(
    wrapped(
        "quota_class_set",
        {
            "type": "object",
            "patternProperties": {"^[a-zA-Z0-9-_:. ]{1,300}$": _CLASS_LIMIT},
            "additionalProperties": False,
        },
    )
)
