"""A server's live migrations, since 2.23: hosts are the zones' own business, so there are none."""

from vregion.api.compute.requests import query
from vregion.api.compute.server_calls import found
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.refusals import Conflict, NotFound
from vregion.model.resource import Resource

routes = Routes()
_RULE = "os_compute_api:servers:migrations"
RULES = {
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:delete", f"{_RULE}:force_complete"), "manager"),
    f"{_RULE}:show": "admin",
}
_PATH = "/servers/{id}/migrations"


@routes.get(_PATH, policy=f"{_RULE}:index", since="2.23")
async def index(call: Call) -> Reply:
    """None."""
    query(call, schema.NO_QUERY)
    await found(call)
    return Reply({"migrations": []})


@routes.get(_PATH + "/{migration_id}", policy=f"{_RULE}:show", since="2.23")
async def show(call: Call) -> Reply:
    """There is none to show."""
    server = await found(call)
    raise NotFound(f"In-progress live migration {call.path['migration_id']} is not found for server {server.id}.")


@routes.delete(_PATH + "/{migration_id}", policy=f"{_RULE}:delete", since="2.24")
async def delete(call: Call) -> Reply:
    """Nova looks at the server's state first, and it is never that of one on its way to another host."""
    raise _not_moving(await found(call), "abort live migration")


@routes.post(_PATH + "/{migration_id}/action", policy=f"{_RULE}:force_complete", since="2.22")
async def hurry(call: Call) -> Reply:
    """force_complete."""
    raise _not_moving(await found(call), "force_complete")


def _not_moving(server: Resource, verb: str) -> Conflict:
    return Conflict(f"Instance {server.id} is in an invalid state for '{verb}'")
