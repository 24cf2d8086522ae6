"""What may be asked of backups."""

from vregion.api.schemas.block_storage.types import (
    BOOLEAN,
    METADATA,
    METADATA_OR_NULL,
    PRINTABLE,
    TEXT,
    UUID,
    UUID_OR_NULL,
    closed,
    wrapped,
)
from vregion.api.validation import Schema, Since

_NAMES = {"name": TEXT, "description": PRINTABLE}
CREATE = Schema(
    wrapped(
        "backup",
        closed(
            {
                "volume_id": UUID,
                "container": {"type": ["string", "null"], "minLength": 0, "maxLength": 255},
                "description": PRINTABLE,
                "incremental": BOOLEAN,
                "force": BOOLEAN,
                "name": TEXT,
                "snapshot_id": UUID_OR_NULL,
                "metadata": Since(("3.43", METADATA_OR_NULL)),
                "availability_zone": Since(("3.51", TEXT)),
            },
            "volume_id",
        ),
    )
)
UPDATE = Schema(
    wrapped("backup", {**closed({**_NAMES, "metadata": Since(("3.43", METADATA))}), "type": ["object", "null"]})
)
RESTORE = Schema(wrapped("restore", {**closed({"name": TEXT, "volume_id": UUID_OR_NULL}), "type": ["object", "null"]}))
