"""Which filters each list takes (3.33), read off the lists' own tables."""

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes

routes = Routes()


@routes.get("/resource_filters", policy="volume:get_all", since="3.33")
async def index(call: Call) -> Reply:
    """All of them, or one list's with `resource`."""
    wanted = call.query.get("resource")
    told = [
        {"resource": str(one.kind), "filters": list(one.filters)}
        for one in listing.ALL
        if wanted in (None, str(one.kind))
    ]
    return Reply({"resource_filters": told})
