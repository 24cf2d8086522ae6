"""Trunks and their sub-ports."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network import trunks as schema
from vregion.api.schemas.network.values import Wrong, bad, invalid
from vregion.model.backend import Binding
from vregion.model.resource import Kind
from vregion.region import trunks

routes = Routes()
NOUN = Noun("trunk", Kind.TRUNK, schema.TRUNKS)


@routes.get("/trunks", policy="get_trunk")
async def index(call: Call) -> Reply:
    """The project's trunks."""
    seen: dict[str, Any] = {"project_id": None if call.caller.is_admin else call.project_id}
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, seen)


@routes.get("/trunks/{id}", policy="get_trunk")
async def show(call: Call) -> Reply:
    """One trunk."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await trunks.get(tx, call.caller, call.path["id"]))


@routes.post("/trunks", policy="create_trunk")
async def create(call: Call) -> Reply:
    """One trunk; it is in no zone until a server has its parent port."""
    wanted = bodies.creation(call, NOUN)
    actor = bodies.actor(call, wanted)
    async with call.region.write() as tx:
        trunk = await trunks.create(tx, actor, wanted | {"project_id": actor.project_id}, datetime.now(UTC))
    return listing.created(NOUN, [trunk], bulk=False)


@routes.put("/trunks/{id}", policy="update_trunk")
async def update(call: Call) -> Reply:
    """Change name, description or state."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        trunk = await trunks.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, trunk)


@routes.delete("/trunks/{id}", policy="delete_trunk")
async def delete(call: Call) -> Reply:
    """Delete a trunk whose parent port no server has."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await trunks.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


@routes.get("/trunks/{id}/get_subports", policy="get_subports")
async def get_subports(call: Call) -> Reply:
    """The sub-ports alone."""
    async with call.region.read() as tx:
        trunk = await trunks.get(tx, call.caller, call.path["id"])
    return Reply({"sub_ports": trunk.spec["sub_ports"]})


@routes.put("/trunks/{id}/add_subports", policy="add_subports")
async def add_subports(call: Call) -> Reply:
    """These beside those that are there; the answer has no wrapping."""
    given, zones = _sub_ports(call), await _zones(call)
    async with call.region.write() as tx:
        trunk = await trunks.add_subports(tx, call.caller, call.path["id"], given, zones, datetime.now(UTC))
    return Reply(trunk.document)


@routes.put("/trunks/{id}/remove_subports", policy="remove_subports")
async def remove_subports(call: Call) -> Reply:
    """The trunk without these; the answer has no wrapping."""
    given = _sub_ports(call)
    async with call.region.write() as tx:
        trunk = await trunks.remove_subports(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return Reply(trunk.document)


async def _zones(call: Call) -> Sequence[Binding]:
    return await call.use.directory.bindings(call.region.id)


def _sub_ports(call: Call) -> list[dict[str, Any]]:
    """Neutron fails with 500 on a body without them."""
    body = bodies.parsed(call)
    if not isinstance(body, dict) or "sub_ports" not in body:
        raise bad("Unable to find 'sub_ports' in request body")
    try:
        return schema.sub_ports(body["sub_ports"])
    except Wrong as wrong:
        raise invalid(str(wrong)) from None
