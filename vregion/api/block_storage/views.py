"""A stored document as a microversion shows it, with the links of this endpoint.

Documents are stored in the newest form; what an older client must not see is taken out by a table of changes. Used by
the volumes and the snapshots.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from vregion.api.http import Call
from vregion.model.microversion import Microversion
from vregion.region import volumes

# What each microversion added (cinder 29.0.0 api/microversions.py).
VOLUME: Mapping[str, Microversion] = {
    "group_id": Microversion(3, 13),
    "shared_targets": Microversion(3, 48),
    "service_uuid": Microversion(3, 48),
    "volume_type_id": Microversion(3, 63),
    "encryption_key_id": Microversion(3, 64),
    "consumes_quota": Microversion(3, 65),
}
SNAPSHOT: Mapping[str, Microversion] = {
    "group_snapshot_id": Microversion(3, 14),
    "user_id": Microversion(3, 41),
    "consumes_quota": Microversion(3, 65),
}
# Cinder adds these to what is shown and listed, not to the answer of a create or an update.
VOLUME_EXTENDED = ("os-vol-tenant-attr:tenant_id", "volume_image_metadata")
SNAPSHOT_EXTENDED = ("os-extended-snapshot-attributes:project_id", "os-extended-snapshot-attributes:progress")


def one(call: Call, document: bytes, table: Mapping[str, Microversion], without: Sequence[str] = ()) -> dict[str, Any]:
    """One document."""
    shown: dict[str, Any] = orjson.loads(_linked(call, document))
    hidden = {*without, *(name for name, since in table.items() if call.microversion < since)}
    return {name: value for name, value in shown.items() if name not in hidden}


def page(
    call: Call, word: str, documents: Sequence[bytes], table: Mapping[str, Microversion], tail: Mapping[str, Any]
) -> bytes:
    """A list in full. At the newest form nothing is parsed."""
    if any(call.microversion < since for since in table.values()):
        body = orjson.dumps([one(call, document, table) for document in documents])
    else:
        body = b"[" + _linked(call, b",".join(documents)) + b"]"
    more = b"".join(b"," + orjson.dumps(name) + b":" + orjson.dumps(value) for name, value in tail.items())
    return b'{"' + word.encode() + b'":' + body + more + b"}"


def _linked(call: Call, document: bytes) -> bytes:
    root = call.base.rpartition("/")[0]
    return document.replace(volumes.BASE.encode(), root.encode())
