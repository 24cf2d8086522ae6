"""What Glance tells of itself: its schemas, its stores (the zones), its ways to import (none: bytes are uploaded)."""

from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.image.image_members import MEMBER, MEMBERS
from vregion.api.schemas.image.images import IMAGE, IMAGES
from vregion.model.refusals import NotFound

routes = Routes()
_SCHEMAS: dict[str, dict[str, Any]] = {"image": IMAGE, "images": IMAGES, "member": MEMBER, "members": MEMBERS}


@routes.get("/schemas/{name}", policy="get_schema")
async def schema(call: Call) -> Reply:
    """One of the published schemas."""
    found = _SCHEMAS.get(call.path["name"])
    if found is None:
        raise NotFound("The resource could not be found.")
    return Reply(found)


@routes.get("/info/stores", policy="stores_info")
async def stores(call: Call) -> Reply:
    """A zone is a store; uploads without a choice go to the default one."""
    found = []
    for zone in await call.use.directory.bindings(call.region.id):
        found.append({"id": zone.availability_zone} | ({"default": "true"} if zone.default else {}))
    return Reply({"stores": found})


@routes.get("/info/import", policy="stores_info")
async def import_methods(call: Call) -> Reply:
    """None."""
    methods = {"description": "Import methods available.", "type": "array", "value": []}
    return Reply({"import-methods": methods})
