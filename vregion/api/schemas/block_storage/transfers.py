"""What may be asked of transfers; the newer of the two APIs takes `no_snapshots` from 3.55 on."""

from vregion.api.schemas.block_storage.types import BOOLEAN, UUID, closed, wrapped
from vregion.api.validation import Schema, Since

_NAME = {"oneOf": [{"type": "string", "format": "spaced_name"}, {"type": "null"}]}
_OFFER = {"volume_id": UUID, "name": _NAME}
CREATE_OLD = Schema(wrapped("transfer", closed(_OFFER, "volume_id")))
CREATE = Schema(wrapped("transfer", closed({**_OFFER, "no_snapshots": Since(("3.55", BOOLEAN))}, "volume_id")))
ACCEPT = Schema(wrapped("accept", closed({"auth_key": {"type": ["string", "integer"]}}, "auth_key")))
