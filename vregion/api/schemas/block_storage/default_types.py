"""What may be asked of default types (cinder 29.0.0 api/schemas/default_types.py)."""

from vregion.api.schemas.block_storage.types import closed
from vregion.api.validation import Schema

_NAME = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
CHOOSE = Schema({"type": "object", "properties": {"default_type": closed({"volume_type": _NAME}, "volume_type")}})
