"""Address groups."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.address_groups import ADDRESS_GROUPS
from vregion.api.schemas.network.values import bad
from vregion.ipam.prefixes import prefix
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind
from vregion.region import address_groups, sharing

routes = Routes()
NOUN = Noun("address_group", Kind.ADDRESS_GROUP, ADDRESS_GROUPS)


@routes.get("/address-groups", policy="get_address_group")
async def index(call: Call) -> Reply:
    """The project's groups, and those that are shared with it."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, sharing.visible(call.caller))


@routes.get("/address-groups/{id}", policy="get_address_group")
async def show(call: Call) -> Reply:
    """One group."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await address_groups.get(tx, call.caller, call.path["id"]))


@routes.post("/address-groups", policy="create_address_group")
async def create(call: Call) -> Reply:
    """One group."""
    wanted = bodies.creation(call, NOUN)
    actor = bodies.actor(call, wanted)
    async with call.region.write() as tx:
        group = await address_groups.create(tx, actor, wanted, datetime.now(UTC))
    return listing.created(NOUN, [group], bulk=False)


@routes.put("/address-groups/{id}", policy="update_address_group")
async def update(call: Call) -> Reply:
    """Change a group's name or description."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        group = await address_groups.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, group)


@routes.put("/address-groups/{id}/add_addresses", policy="add_addresses")
async def add_addresses(call: Call) -> Reply:
    """More addresses; the rules that name the group follow."""
    given = _addresses(call)
    async with call.region.write() as tx:
        group = await address_groups.add_addresses(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return listing.show(call, NOUN, group)


@routes.put("/address-groups/{id}/remove_addresses", policy="remove_addresses")
async def remove_addresses(call: Call) -> Reply:
    """Fewer addresses; the rules that name the group follow."""
    given = _addresses(call)
    async with call.region.write() as tx:
        group = await address_groups.remove_addresses(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return listing.show(call, NOUN, group)


@routes.delete("/address-groups/{id}", policy="delete_address_group")
async def delete(call: Call) -> Reply:
    """Delete a group that no rule names."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await address_groups.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


def _addresses(call: Call) -> list[str]:
    """The body of these two has no noun around it (29.0.0 `neutron/db/address_group_db.py` add_addresses)."""
    body = bodies.parsed(call)
    given = body.get("addresses") if isinstance(body, dict) else None
    if given is None:
        raise bad("Request body contains invalid data")
    found = []
    for one in given:
        try:
            found.append(str(prefix(str(one))))
        except ValueError:
            raise Invalid(f"invalid IPNetwork {one}", reason="AddrFormatError") from None
    return list(dict.fromkeys(found))
