"""A volume's metadata by itself."""

from vregion.api.block_storage.metadata import routes_of
from vregion.api.schemas.block_storage.volumes import REPLACE_METADATA, SET_METADATA_ITEM
from vregion.region import volumes

_RULES = {verb: f"volume:{verb}_volume_metadata" for verb in ("get", "create", "update", "delete")}
routes = routes_of("volume", (REPLACE_METADATA, SET_METADATA_ITEM), _RULES, volumes.get, volumes.update)
