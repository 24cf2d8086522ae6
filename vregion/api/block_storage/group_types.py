"""Group types (3.11): the list that a tenant may choose from."""

from vregion.api.block_storage import short_lists
from vregion.api.http import Call, Reply, Routes
from vregion.region import group_types

routes = Routes()
_COLUMNS = ("id", "name", "description", "is_public", "created_at", "updated_at", "deleted", "deleted_at")
_SHORT = short_lists.Short("group_types", "group_types", "group_type_links", _COLUMNS)
RULES = {"group:access_group_types": "reader"}


@routes.get("/group_types", policy="group:access_group_types", since="3.11")
async def index(call: Call) -> Reply:
    """One for every zone."""
    return short_lists.page(call, _SHORT, [group_types.document()])


@routes.get("/group_types/{group_type_id}", policy="group:access_group_types", since="3.11")
async def show(call: Call) -> Reply:
    """By id; `default` is Cinder's own word for the default type."""
    return Reply({"group_type": group_types.find(call.path["group_type_id"])})
