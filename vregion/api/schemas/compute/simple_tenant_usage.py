"""Nova's queries on usage (nova 34.0.0 `compute/schemas/simple_tenant_usage.py`)."""

from vregion.api.schemas.compute.types import NOT_NEGATIVE, Part
from vregion.api.validation import Schema, Since

_STRINGS: Part = {"type": "array", "items": {"type": "string"}}
_PROPERTIES: Part = {
    "start": _STRINGS,
    "end": _STRINGS,
    "limit": Since(("2.40", {"type": "array", "items": NOT_NEGATIVE})),
    "marker": Since(("2.40", _STRINGS)),
}
_OPEN = Since(("2.1", True), ("2.75", False))

LIST = Schema(
    {"type": "object", "properties": _PROPERTIES | {"detailed": _STRINGS}, "additionalProperties": _OPEN}, query=True
)
SHOW = Schema({"type": "object", "properties": _PROPERTIES, "additionalProperties": _OPEN}, query=True)
