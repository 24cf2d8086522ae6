"""What may be asked of group types and their specs (cinder 29.0.0 api/schemas/group_types.py, group_specs.py)."""

from vregion.api.schemas.block_storage.types import BOOLEAN, METADATA_OR_NULL, PRINTABLE, TEXT, closed, wrapped
from vregion.api.validation import Schema

_NAME = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
_SPECS = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:.]{1,255}$": {"type": ["string", "null"], "maxLength": 255}},
    "additionalProperties": False,
}
_KIND = {"name": _NAME, "description": PRINTABLE, "is_public": BOOLEAN, "group_specs": METADATA_OR_NULL}
CREATE = Schema(wrapped("group_type", closed(_KIND, "name")))
UPDATE = Schema(wrapped("group_type", closed({"name": TEXT, "description": PRINTABLE, "is_public": BOOLEAN})))
SET_SPECS = Schema(wrapped("group_specs", _SPECS))
SET_SPEC = Schema({**_SPECS, "minProperties": 1, "maxProperties": 1})
