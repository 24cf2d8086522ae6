"""A volume's metadata by itself."""

from vregion.api.block_storage.metadata import routes_of
from vregion.region import volumes

_RULES = {verb: f"volume:{verb}_volume_metadata" for verb in ("get", "create", "update", "delete")}
routes = routes_of("volume", _RULES, volumes.get, volumes.update)
