"""What may be asked of snapshots."""

from vregion.api.schemas.block_storage.types import BOOLEAN, METADATA_OR_NULL, TEXT, UUID_OR_NULL, closed, wrapped
from vregion.api.validation import Schema

_NAMES = {"name": TEXT, "description": TEXT, "display_name": TEXT}
CREATE = Schema(
    wrapped(
        "snapshot",
        closed({**_NAMES, "volume_id": UUID_OR_NULL, "force": BOOLEAN, "metadata": METADATA_OR_NULL}, "volume_id"),
    )
)
_UPDATED = {**_NAMES, "display_description": TEXT}
UPDATE = Schema(wrapped("snapshot", {**closed(_UPDATED), "anyOf": [{"required": [name]} for name in _UPDATED]}))
