"""The auto-allocated topology: `openstack network auto allocated topology create`."""

from dataclasses import replace
from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies
from vregion.model.caller import Caller
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import auto_allocated_topology as topology

routes = Routes()
_PATH = "/auto-allocated-topology/{id}"


@routes.get(_PATH, policy="get_auto_allocated_topology")
async def show(call: Call) -> Reply:
    """The project's network, made now if need be; `fields=dry-run` says whether it could be."""
    owner, fields = _owner(call), call.query.getlist("fields")
    if "dry-run" in fields:
        async with call.region.read() as tx:
            await topology.check(tx, owner)
        return _reply("dry-run=pass", owner)
    if fields:
        raise Invalid("Bad auto_allocate request: Unrecognized field.", reason="BadRequest")
    async with call.region.read() as tx:
        known = await topology.find(tx, owner)
    if known is None:
        bindings = await call.use.directory.bindings(call.region.id)
        zones = {b.availability_zone: b.backend_id for b in bindings if b.state == "enabled"}
        async with call.region.write() as tx:
            known = await topology.make(tx, owner, zones, datetime.now(UTC))
    return _reply(known.id, owner)


@routes.delete(_PATH, policy="delete_auto_allocated_topology")
async def delete(call: Call) -> Reply:
    """Away with it."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await topology.delete(tx, _owner(call), datetime.now(UTC))
    return Reply(status=204)


def _owner(call: Call) -> Caller:
    """Who shall have it: the caller, or whom an admin names."""
    project_id = call.project_id if call.path["id"] == "None" else call.path["id"]
    if project_id != call.project_id and not call.caller.is_admin:
        raise Forbidden("Not authorized.", reason="NotAuthorized")
    return replace(call.caller, project_id=project_id)


def _reply(network_id: str, owner: Caller) -> Reply:
    found = {"id": network_id, "project_id": owner.project_id, "tenant_id": owner.project_id}
    return Reply({"auto_allocated_topology": found})
