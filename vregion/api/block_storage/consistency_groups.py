"""Consistency groups, which groups have replaced: as in a Cinder whose operator never made their type, there are none.

They are listed (empty), looked for (404) and refused (400) in Cinder's words (cinder 29.0.0 api/contrib/
consistencygroups.py, cgsnapshots.py).
"""

from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage import groups as schema
from vregion.model.refusals import Invalid, NotFound

routes = Routes()


@routes.get("/consistencygroups", policy="group:get_all")
@routes.get("/consistencygroups/detail", policy="group:get_all")
async def index(call: Call) -> Reply:
    """None."""
    return Reply({"consistencygroups": []})


@routes.get("/cgsnapshots", policy="group:get_all_group_snapshots")
@routes.get("/cgsnapshots/detail", policy="group:get_all_group_snapshots")
async def snapshots(call: Call) -> Reply:
    """None."""
    return Reply({"cgsnapshots": []})


@routes.post("/consistencygroups", policy="group:create")
async def create(call: Call) -> Reply:
    """There is no group type that would be consistent."""
    schema.CREATE_CONSISTENT.check(call.json(), call.microversion)
    kind = "default_cgsnapshot_type"
    raise Invalid(f"Group type {kind} not found. Rerun migration script to create the default cgsnapshot type.")


@routes.post("/consistencygroups/create_from_src", policy="group:create")
async def create_from_source(call: Call) -> Reply:
    """There is none to make it from."""
    given = call.json().get("consistencygroup-from-src")
    if not isinstance(given, dict):
        raise Invalid("'consistencygroup-from-src' is a required property")
    if snapshot_id := given.get("cgsnapshot_id"):
        raise NotFound(f"GroupSnapshot {snapshot_id} could not be found.")
    if group_id := given.get("source_cgid"):
        raise NotFound(f"Group {group_id} could not be found.")
    name = given.get("name")
    words = "Either 'cgsnapshot_id' or 'source_cgid' must be provided to create consistency group"
    raise Invalid(f"{words} {name} from source.")


@routes.get("/consistencygroups/{id}", policy="group:get")
@routes.put("/consistencygroups/{id}", policy="group:update")
@routes.delete("/consistencygroups/{id}", policy="group:delete")
@routes.post("/consistencygroups/{id}/delete", policy="group:delete")
@routes.put("/consistencygroups/{id}/update", policy="group:update")
async def absent(call: Call) -> Reply:
    """Any id is unknown."""
    raise NotFound(f"Group {call.path['id']} could not be found.")


@routes.post("/cgsnapshots", policy="group:create_group_snapshot")
async def create_snapshot(call: Call) -> Reply:
    """There is no group to take it of."""
    given = call.json().get("cgsnapshot")
    if not isinstance(given, dict) or "consistencygroup_id" not in given:
        raise Invalid("'consistencygroup_id' is a required property")
    raise NotFound(f"Group {given['consistencygroup_id']} could not be found.")


@routes.get("/cgsnapshots/{id}", policy="group:get_group_snapshot")
@routes.delete("/cgsnapshots/{id}", policy="group:delete_group_snapshot")
async def absent_snapshot(call: Call) -> Reply:
    """Any id is unknown."""
    raise NotFound(f"GroupSnapshot {call.path['id']} could not be found.")
