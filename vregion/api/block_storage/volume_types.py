"""Volume types: the list that a tenant may choose from, and which one is the default."""

from vregion.api.http import Call, Reply, Routes
from vregion.region import volume_types

routes = Routes()


@routes.get("/types", policy="volume_extension:type_get_all")
async def index(call: Call) -> Reply:
    """One for every zone."""
    return Reply({"volume_types": [volume_types.document()]})


@routes.get("/types/{type_id}", policy="volume_extension:type_get")
async def show(call: Call) -> Reply:
    """By id; `default` is Cinder's own word for the default type."""
    return Reply({"volume_type": volume_types.find(call.path["type_id"])})


@routes.get("/types/{type_id}/extra_specs", policy="volume_extension:type_get")
async def extra_specs(call: Call) -> Reply:
    """None that a tenant sees."""
    return Reply({"extra_specs": volume_types.find(call.path["type_id"])["extra_specs"]})
