"""Flavors of routers and their providers: there are none, as one kind of router serves all zones."""

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing
from vregion.model.refusals import NotFound

routes = Routes()
_FLAVOR = ("id", "name", "description", "service_type", "enabled")
_PROVIDER = ("service_type", "name", "default")


@routes.get("/flavors", policy="get_flavor")
async def index(call: Call) -> Reply:
    """None."""
    return listing.few(call, "flavors", [], _FLAVOR)


@routes.get("/flavors/{id}", policy="get_flavor")
async def show(call: Call) -> Reply:
    """None."""
    raise NotFound(f"Flavor {call.path['id']} could not be found.", reason="FlavorNotFound")


@routes.get("/service-providers", policy="get_service_provider")
async def providers(call: Call) -> Reply:
    """None."""
    return listing.few(call, "service_providers", [], _PROVIDER)
