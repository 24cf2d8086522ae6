"""Which filters each list takes (3.33), read off the lists' own tables.

Cinder tells a project's member of the pools' too, which he may not list (29.0.0 etc/cinder/resource_filters.json).
"""

from collections.abc import Iterable

from vregion.api.block_storage import listing, volume_types
from vregion.api.http import Call, Reply, Routes

routes = Routes()
_FILTERS: dict[str, Iterable[str]] = {
    **{one.kind.value: one.filters for one in listing.ALL},
    "pool": ("name", "volume_type"),
    "volume_type": volume_types.FILTERS,
}


@routes.get("/resource_filters", policy="volume:get_all", since="3.33")
async def index(call: Call) -> Reply:
    """All of them, or one list's with `resource`."""
    wanted = call.query.get("resource")
    told = [{"resource": name, "filters": list(_FILTERS[name])} for name in _FILTERS if not wanted or wanted == name]
    return Reply({"resource_filters": told})
