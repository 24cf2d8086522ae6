"""What Glance tells of itself: its stores (the zones), its ways to import, and what a project uses of its quota."""

from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.region import image_limits

routes = Routes()
METHODS = ("glance-direct", "web-download", "copy-image")


@routes.get("/info/stores", policy="stores_info")
async def stores(call: Call) -> Reply:
    """A zone is a store; uploads without a choice go to the default one."""
    return Reply({"stores": await _stores(call)})


@routes.get("/info/stores/detail", policy="stores_info_detail")
async def stores_detail(call: Call) -> Reply:
    """For admins of the virtual region. What lies behind a zone is the provider's to know."""
    more: dict[str, Any] = {"type": "zone", "weight": 0, "properties": {}}
    return Reply({"stores": [store | more for store in await _stores(call)]})


@routes.get("/info/import", policy="stores_info")
async def import_methods(call: Call) -> Reply:
    """The three that a Glance offers by default."""
    methods = {"description": "Import methods available.", "type": "array", "value": list(METHODS)}
    return Reply({"import-methods": methods})


@routes.get("/info/usage", policy="stores_info")
async def usage(call: Call) -> Reply:
    """Used and limit (-1: none) by Glance's names of registered limits; sizes in MiB."""
    async with call.region.read() as tx:
        found = await image_limits.usage(tx, call.project_id)
    return Reply({"usage": {name: {"limit": limit, "usage": used} for name, (limit, used) in found.items()}})


async def _stores(call: Call) -> list[dict[str, Any]]:
    found = []
    for zone in await call.use.directory.bindings(call.region.id):
        found.append({"id": zone.availability_zone} | ({"default": "true"} if zone.default else {}))
    return found
