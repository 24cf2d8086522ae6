"""Address scopes."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.address_scopes import ADDRESS_SCOPES
from vregion.model.resource import Kind
from vregion.region import address_scopes, sharing

routes = Routes()
NOUN = Noun("address_scope", Kind.ADDRESS_SCOPE, ADDRESS_SCOPES)


@routes.get("/address-scopes", policy="get_address_scope")
async def index(call: Call) -> Reply:
    """The project's scopes, and those that are shared with it."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, sharing.visible(call.caller))


@routes.get("/address-scopes/{id}", policy="get_address_scope")
async def show(call: Call) -> Reply:
    """One scope."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await address_scopes.get(tx, call.caller, call.path["id"]))


@routes.post("/address-scopes", policy="create_address_scope")
async def create(call: Call) -> Reply:
    """One scope."""
    wanted = bodies.creation(call, NOUN)
    actor = bodies.actor(call, wanted)
    async with call.region.write() as tx:
        scope = await address_scopes.create(tx, actor, wanted, datetime.now(UTC))
    return listing.created(NOUN, [scope], bulk=False)


@routes.put("/address-scopes/{id}", policy="update_address_scope")
async def update(call: Call) -> Reply:
    """Change a scope's name, or share it."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        scope = await address_scopes.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, scope)


@routes.delete("/address-scopes/{id}", policy="delete_address_scope")
async def delete(call: Call) -> Reply:
    """Delete a scope that no subnet pool is in."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await address_scopes.delete(tx, call.caller, call.path["id"], bodies.revision(call))
    return Reply(status=204)
