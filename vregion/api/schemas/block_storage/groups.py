"""What may be asked of groups, their snapshots, and the consistency groups that came before them."""

from vregion.api.schemas.block_storage.types import BOOLEAN, PRINTABLE, TEXT, UUID, closed, loose, wrapped
from vregion.api.validation import Schema

_NAMES = {"name": TEXT, "description": PRINTABLE}
_TYPES = {"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 255}, "uniqueItems": True}
CREATE = Schema(
    wrapped(
        "group",
        closed(
            {
                **_NAMES,
                "group_type": {"type": "string", "minLength": 1, "maxLength": 255},
                "volume_types": _TYPES,
                "availability_zone": {**TEXT, "minLength": 1},
            },
            "group_type",
            "volume_types",
        ),
    )
)
_UPDATED = {**_NAMES, "add_volumes": PRINTABLE, "remove_volumes": PRINTABLE}
UPDATE = Schema(wrapped("group", {**closed(_UPDATED), "anyOf": [{"required": [name]} for name in _UPDATED]}))
_SOURCES = ("group_snapshot_id", "source_group_id")
ACTIONS = {
    "create-from-src": Schema(
        wrapped(
            "create-from-src",
            {
                **closed({**_NAMES, **dict.fromkeys(_SOURCES, UUID)}),
                "oneOf": [{"required": [name]} for name in _SOURCES],
            },
        )
    ),
    "delete": Schema(wrapped("delete", closed({"delete-volumes": BOOLEAN}))),
    "enable_replication": Schema(wrapped("enable_replication", {"type": "object"})),
    "disable_replication": Schema(wrapped("disable_replication", {"type": "object"})),
    "failover_replication": Schema(wrapped("failover_replication", {"type": "object"})),
    "list_replication_targets": Schema(wrapped("list_replication_targets", {"type": "object"})),
}
CREATE_SNAPSHOT = Schema(wrapped("group_snapshot", closed({**_NAMES, "group_id": UUID}, "group_id")))
CREATE_CONSISTENT = Schema(loose("consistencygroup", {**_NAMES, "volume_types": {}}, "volume_types"))
_TEXT = {"type": "string"}
CREATE_CONSISTENT_FROM = Schema(
    loose("consistencygroup-from-src", {**_NAMES, "cgsnapshot_id": _TEXT, "source_cgid": _TEXT})
)
_LOOSE_TEXT = {"type": ["string", "null"]}
UPDATE_CONSISTENT = Schema(
    loose("consistencygroup", {**_NAMES, "add_volumes": _LOOSE_TEXT, "remove_volumes": _LOOSE_TEXT})
)
DELETE_CONSISTENT = Schema(
    {
        "oneOf": [
            loose("consistencygroup", {"force": BOOLEAN}),
            {"type": "object", "properties": {}, "additionalProperties": False},
        ]
    }
)
CREATE_CONSISTENT_SNAPSHOT = Schema(
    loose("cgsnapshot", dict.fromkeys(("consistencygroup_id", "name", "description"), _TEXT), "consistencygroup_id")
)
