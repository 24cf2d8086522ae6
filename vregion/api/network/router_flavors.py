"""Flavors of routers and their providers: there are none, as one kind of router serves all zones."""

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing
from vregion.api.schemas.network.attributes import shown
from vregion.model.refusals import NotFound

routes = Routes()
_FLAVOR = ("id", "name", "description", "service_type", "enabled")
_SORTS = {key: shown(key) for key in _FLAVOR}


@routes.get("/flavors", policy="get_flavor")
async def index(call: Call) -> Reply:
    """None."""
    return listing.few(call, "flavors", [], _FLAVOR, _SORTS)


@routes.get("/flavors/{id}", policy="get_flavor")
async def show(call: Call) -> Reply:
    """None."""
    raise NotFound(f"Flavor {call.path['id']} could not be found.", reason="FlavorNotFound")


@routes.get("/service-providers", policy="get_service_provider")
async def providers(call: Call) -> Reply:
    """None, whatever is asked for: Neutron refuses no query here (29.0.0 `neutron/extensions/servicetype.py`)."""
    return Reply({"service_providers": []})
