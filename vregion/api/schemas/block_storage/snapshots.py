"""What may be asked of snapshots."""

from vregion.api.schemas.block_storage.types import (
    BOOLEAN,
    METADATA_OR_NULL,
    ONE,
    PRINTABLE,
    TEXT,
    UUID_OR_NULL,
    closed,
    wrapped,
)
from vregion.api.validation import Schema

_NAMES = {"name": TEXT, "description": PRINTABLE, "display_name": TEXT}
CREATE = Schema(
    wrapped(
        "snapshot",
        closed({**_NAMES, "volume_id": UUID_OR_NULL, "force": BOOLEAN, "metadata": METADATA_OR_NULL}, "volume_id"),
    )
)
_UPDATED = {**_NAMES, "display_description": PRINTABLE}
UPDATE = Schema(wrapped("snapshot", {**closed(_UPDATED), "anyOf": [{"required": [name]} for name in _UPDATED]}))
# Other members beside it are passed over, and no name has a slash (cinder 29.0.0 api/schemas/snapshot_metadata.py).
_METADATA = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
REPLACE_METADATA = Schema({**wrapped("metadata", _METADATA), "additionalProperties": True})
SET_METADATA_ITEM = Schema({**wrapped("meta", {**_METADATA, **ONE}), "additionalProperties": True})
