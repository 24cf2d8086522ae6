"""Manila's shares of a server, since 2.97: a virtual region has no share service, so that no server has any."""

from vregion.api.compute.requests import query
from vregion.api.compute.server_calls import found
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.refusals import NotFound
from vregion.region import servers

routes = Routes()
_RULE = "os_compute_api:os-server-shares"
RULES = {
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:show"), "reader"),
    **dict.fromkeys((f"{_RULE}:create", f"{_RULE}:delete"), "member"),
}
_PATH = "/servers/{id}/shares"


@routes.get(_PATH, policy=f"{_RULE}:index", since="2.97")
async def index(call: Call) -> Reply:
    """None."""
    query(call, schema.NO_QUERY)
    await found(call)
    return Reply({"shares": []})


@routes.post(_PATH, policy=f"{_RULE}:create", since="2.97")
async def create(call: Call) -> Reply:
    """Nova takes one for a stopped server only; here there is none to take."""
    wanted = call.json()
    server = await found(call)
    if server.spec["vm_state"] != "stopped":
        raise servers.cannot(server, "create share")
    share_id = wanted.get("share", {}).get("share_id") if isinstance(wanted, dict) else None
    raise NotFound(f"Share {share_id} could not be found.")


@routes.get(_PATH + "/{share_id}", policy=f"{_RULE}:show", since="2.97")
async def show(call: Call) -> Reply:
    """There is none to show."""
    await found(call)
    raise NotFound(f"Share {call.path['share_id']} could not be found.")


@routes.delete(_PATH + "/{share_id}", policy=f"{_RULE}:delete", since="2.97")
async def delete(call: Call) -> Reply:
    """Nor to take away."""
    server = await found(call)
    if server.spec["vm_state"] != "stopped":
        raise servers.cannot(server, "delete share")
    raise NotFound(f"Share {call.path['share_id']} could not be found.")
