"""Network IP availabilities: for the tenant's admin; others are told of none, as Neutron tells them."""

import json
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing
from vregion.api.schemas.network.values import bad, integer
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind
from vregion.region import ip_availability, networks, resources
from vregion.region.resources import Filter, Query

routes = Routes()
_FIELDS = {"network_id": "id", "network_name": "name", "project_id": "project_id", "tenant_id": "project_id"}


@routes.get("/network-ip-availabilities", policy="get_network_ip_availability")
async def index(call: Call) -> Reply:
    """All networks of the tenant."""
    keys = [key for key in call.query if key not in listing.NOT_FILTERS]
    if unknown := [key for key in keys if key not in _FIELDS and key != "ip_version"]:
        raise bad(f"{unknown} is invalid attribute for filtering")
    listing.check_order(call)
    versions = [integer(value) for value in call.query.getlist("ip_version")] or [4, 6]
    asked = [Filter(_FIELDS[key], call.query.getlist(key), "in") for key in keys if key in _FIELDS]
    filters = [Filter("deleting", False), Filter("spec.router:external", False), *asked]
    found: list[dict[str, Any]] = []
    if call.caller.is_admin:
        async with call.region.read() as tx:
            owners = await resources.list_resources(tx, Query(Kind.NETWORK, filters=filters))
            found = await ip_availability.of_networks(tx, owners, versions)
    return _reply({"network_ip_availabilities": [listing.part(call, one) for one in found]})


@routes.get("/network-ip-availabilities/{id}", policy="get_network_ip_availability")
async def show(call: Call) -> Reply:
    """One network."""
    async with call.region.read() as tx:
        network = await networks.get(tx, call.caller, call.path["id"])
        if not call.caller.is_admin:
            raise NotFound("The resource could not be found.")
        (found,) = await ip_availability.of_networks(tx, [network], [4, 6])
    return _reply({"network_ip_availability": listing.part(call, found)})


def _reply(body: dict[str, Any]) -> Reply:
    """The addresses of IPv6 are more than orjson counts."""
    return Reply(json.dumps(body).encode())
