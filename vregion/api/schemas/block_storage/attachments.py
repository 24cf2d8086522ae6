"""What may be asked of attachments (cinder 29.0.0 `cinder/api/schemas/attachments.py`)."""

from vregion.api.schemas.block_storage.types import UUID, closed, wrapped
from vregion.api.validation import Schema, Since

CREATE = Schema(
    wrapped(
        "attachment",
        closed(
            {
                "instance_uuid": UUID,
                "connector": {"type": ["object", "null"]},
                "volume_uuid": UUID,
                "mode": Since(("3.54", {"type": "string", "enum": ["rw", "ro"]})),
            },
            "volume_uuid",
        ),
    )
)
UPDATE = Schema(wrapped("attachment", closed({"connector": {"type": "object", "minProperties": 1}}, "connector")))
COMPLETE = Schema(wrapped("os-complete", {}))
