"""What may be asked of quotas: any name, each with a number from -1 on (cinder 29.0.0 validators.py quota_set)."""

from vregion.api.schemas.block_storage.types import wrapped
from vregion.api.validation import Schema

_LIMIT = {"type": "integer", "minimum": -1, "maximum": 0x7FFFFFFF}
UPDATE = Schema(
    wrapped(
        "quota_set",
        {
            "type": "object",
            "minProperties": 1,
            "properties": {"tenant_id": {"type": "string"}, "force": {}},
            "additionalProperties": _LIMIT,
        },
    )
)
