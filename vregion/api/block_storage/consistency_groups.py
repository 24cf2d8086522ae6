"""Consistency groups, which groups have replaced: as in a Cinder whose operator never made their type, there are none.

They are listed (empty), looked for (404) and refused (400) in Cinder's words (cinder 29.0.0 api/contrib/
consistencygroups.py, cgsnapshots.py).
"""

from dataclasses import replace
from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage import groups as schema
from vregion.api.validation import Schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound

routes = Routes()
_LIST = replace(listing.GROUPS, lenient=Microversion(4, 0))


@routes.get("/consistencygroups", policy="group:get_all")
@routes.get("/consistencygroups/detail", policy="group:get_all")
async def index(call: Call) -> Reply:
    """None; what is asked for is looked at as for groups."""
    async with call.region.read() as tx:
        await listing.check(tx, call, _LIST)
    return Reply({"consistencygroups": []})


@routes.get("/cgsnapshots", policy="group:get_all_group_snapshots")
@routes.get("/cgsnapshots/detail", policy="group:get_all_group_snapshots")
async def snapshots(call: Call) -> Reply:
    """None."""
    listing.paging(call)
    return Reply({"cgsnapshots": []})


@routes.post("/consistencygroups", policy="group:create")
async def create(call: Call) -> Reply:
    """There is no group type that would be consistent."""
    given = _checked(call, schema.CREATE_CONSISTENT)["consistencygroup"]
    if not given["volume_types"]:
        raise Invalid(f"volume_types must be provided to create consistency group {given.get('name')}.")
    kind = "default_cgsnapshot_type"
    raise Invalid(f"Group type {kind} not found. Rerun migration script to create the default cgsnapshot type.")


@routes.post("/consistencygroups/create_from_src", policy="group:create")
async def create_from_source(call: Call) -> Reply:
    """There is none to make it from."""
    given = _checked(call, schema.CREATE_CONSISTENT_FROM)["consistencygroup-from-src"]
    snapshot_id, group_id, name = (given.get(word) for word in ("cgsnapshot_id", "source_cgid", "name"))
    to = f"to create consistency group {name} from source."
    if not (snapshot_id or group_id):
        raise Invalid(f"Either 'cgsnapshot_id' or 'source_cgid' must be provided {to}")
    if snapshot_id and group_id:
        raise Invalid(f"Cannot provide both 'cgsnapshot_id' and 'source_cgid' {to}")
    raise NotFound(f"{'GroupSnapshot' if snapshot_id else 'Group'} {snapshot_id or group_id} could not be found.")


@routes.get("/consistencygroups/{id}", policy="group:get")
@routes.delete("/consistencygroups/{id}", policy="group:delete")
async def absent(call: Call) -> Reply:
    """Any id is unknown."""
    raise NotFound(f"Group {call.path['id']} could not be found.")


@routes.put("/consistencygroups/{id}", policy="group:update")
@routes.put("/consistencygroups/{id}/update", policy="group:update")
async def update(call: Call) -> Reply:
    """Any id is unknown."""
    _checked(call, schema.UPDATE_CONSISTENT)
    return await absent(call)


@routes.post("/consistencygroups/{id}/delete", policy="group:delete")
async def delete(call: Call) -> Reply:
    """Any id is unknown."""
    _checked(call, schema.DELETE_CONSISTENT)
    return await absent(call)


@routes.post("/cgsnapshots", policy="group:create_group_snapshot")
async def create_snapshot(call: Call) -> Reply:
    """There is no group to take it of."""
    given = _checked(call, schema.CREATE_CONSISTENT_SNAPSHOT)["cgsnapshot"]
    raise NotFound(f"Group {given['consistencygroup_id']} could not be found.")


@routes.get("/cgsnapshots/{id}", policy="group:get_group_snapshot")
@routes.delete("/cgsnapshots/{id}", policy="group:delete_group_snapshot")
async def absent_snapshot(call: Call) -> Reply:
    """Any id is unknown."""
    raise NotFound(f"GroupSnapshot {call.path['id']} could not be found.")


def _checked(call: Call, wanted: Schema) -> Any:
    body = call.json()
    wanted.check(body, call.microversion)
    return body
