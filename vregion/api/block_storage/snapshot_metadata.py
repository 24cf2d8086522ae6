"""A snapshot's metadata by itself. Cinder has no rule of its own for adding to it."""

from vregion.api.block_storage.metadata import routes_of
from vregion.api.schemas.block_storage.snapshots import REPLACE_METADATA, SET_METADATA_ITEM
from vregion.region import snapshots

_RULES = {verb: f"volume:{verb}_snapshot_metadata" for verb in ("get", "update", "delete")}
_RULES["create"] = _RULES["update"]
routes = routes_of("snapshot", (REPLACE_METADATA, SET_METADATA_ITEM), _RULES, snapshots.get, snapshots.update)
