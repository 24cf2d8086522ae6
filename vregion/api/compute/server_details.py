"""What else is shown of one server: addresses, and what only its zone can tell."""

from typing import Any

from vregion.api.compute.requests import query
from vregion.api.compute.server_calls import ask, found
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.refusals import NotFound
from vregion.model.resource import Resource
from vregion.region import servers

routes = Routes()
_PASSWORD = "os_compute_api:os-server-password"  # noqa: S105 - a rule's name
RULES = {
    "os_compute_api:ips:index": "reader",
    "os_compute_api:ips:show": "reader",
    "os_compute_api:os-server-diagnostics": "admin",
    "compute:server:topology:index": "reader",
    f"{_PASSWORD}:show": "reader",
    f"{_PASSWORD}:clear": "member",
}


def _addresses(server: Resource) -> dict[str, list[dict[str, Any]]]:
    """Network -> addresses, without what the servers' own document says beside them."""
    known = servers.shown(server)["addresses"]
    return {net: [{"version": one["version"], "addr": one["addr"]} for one in ips] for net, ips in known.items()}


@routes.get("/servers/{id}/ips", policy="os_compute_api:ips:index")
async def addresses(call: Call) -> Reply:
    """By network."""
    query(call, schema.NO_QUERY)
    return Reply({"addresses": _addresses(await found(call))})


@routes.get("/servers/{id}/ips/{network}", policy="os_compute_api:ips:show")
async def addresses_of_network(call: Call) -> Reply:
    """Of one network, by its name."""
    query(call, schema.NO_QUERY)
    known, name = _addresses(await found(call)), call.path["network"]
    if name not in known:
        raise NotFound("Instance is not a member of specified network")
    return Reply({name: known[name]})


@routes.get("/servers/{id}/diagnostics", policy="os_compute_api:os-server-diagnostics")
async def diagnostics(call: Call) -> Reply:
    """As far as the zone lets its own tenants see them."""
    query(call, schema.NO_QUERY)
    answer = await ask(call, await found(call), "get_diagnostics", ("GET", "/diagnostics", None))
    return Reply(answer.body, answer.status)


@routes.get("/servers/{id}/topology", policy="compute:server:topology:index", since="2.78")
async def topology(call: Call) -> Reply:
    """NUMA nodes, as the zone shows them."""
    query(call, schema.NO_QUERY)
    answer = await ask(call, await found(call), "get_topology", ("GET", "/topology", None))
    return Reply(answer.body, answer.status)


@routes.get("/servers/{id}/os-server-password", policy=f"{_PASSWORD}:show")
async def password(call: Call) -> Reply:
    """What the guest has posted to its metadata service, encrypted with its key."""
    query(call, schema.NO_QUERY)
    answer = await ask(call, await found(call), "get_password", ("GET", "/os-server-password", None))
    return Reply(answer.body, answer.status)


@routes.delete("/servers/{id}/os-server-password", policy=f"{_PASSWORD}:clear")
async def clear_password(call: Call) -> Reply:
    """Forget it, in the zone."""
    answer = await ask(call, await found(call), "clear_password", ("DELETE", "/os-server-password", None))
    return Reply(None, answer.status)
