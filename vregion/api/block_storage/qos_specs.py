"""QoS specs of volume types: the zones' own, shown to the tenant's admin. Administrators of the clouds change them."""

from typing import Any

from vregion.api.block_storage import short_lists
from vregion.api.http import Call, Reply, Routes
from vregion.region import qos_specs

routes = Routes()
RULES = {f"volume_extension:qos_specs_manage:{name}": "admin" for name in ("get_all", "get")}
_FILTERS = ("id", "name", "consumer")
_SHORT = short_lists.Short("qos-specs", "qos_specs", "qos_specs_links", (*_FILTERS, "created_at", "updated_at"))


@routes.get("/qos-specs", policy="volume_extension:qos_specs_manage:get_all")
async def index(call: Call) -> Reply:
    """Those of all zones' types; by what is no filter nothing is found."""
    asked, unknown = short_lists.filters(call, _FILTERS, strict=False)
    found = qos_specs.offered(await call.use.directory.bindings(call.region.id))
    told = [one for one in found if not unknown and all(one[name] == asked[name] for name in asked)]
    return short_lists.page(call, _SHORT, told)


@routes.get("/qos-specs/{id}", policy="volume_extension:qos_specs_manage:get")
async def show(call: Call) -> Reply:
    """One."""
    found = qos_specs.find(await call.use.directory.bindings(call.region.id), call.path["id"])
    return Reply({"qos_specs": found, "links": _links(call)})


@routes.get("/qos-specs/{id}/associations", policy="volume_extension:qos_specs_manage:get_all")
async def associations(call: Call) -> Reply:
    """The volume types that have it."""
    zones = await call.use.directory.bindings(call.region.id)
    qos_specs.find(zones, call.path["id"])
    return Reply({"qos_associations": qos_specs.associations(zones, call.path["id"])})


def _links(call: Call) -> list[dict[str, Any]]:
    root, place = call.base.rpartition("/")[0], f"{call.project_id}/qos-specs/{call.path['id']}"
    return [{"rel": "self", "href": f"{call.base}/{place}"}, {"rel": "bookmark", "href": f"{root}/{place}"}]
