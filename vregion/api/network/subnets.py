"""Subnets."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.subnets import SUBNETS
from vregion.model.resource import Kind
from vregion.region import networks, ports, subnets

routes = Routes()
NOUN = Noun("subnet", Kind.SUBNET, SUBNETS)


@routes.get("/subnets", policy="get_subnet")
async def index(call: Call) -> Reply:
    """The subnets of the networks that the project sees."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, networks.visible(call.caller))


@routes.get("/subnets/{id}", policy="get_subnet")
async def show(call: Call) -> Reply:
    """One subnet."""
    listing.check(call, NOUN)
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await subnets.get(tx, call.caller, call.path["id"]))


@routes.post("/subnets", policy="create_subnet")
async def create(call: Call) -> Reply:
    """One subnet, or several at once; automatic addresses reach the ports that are there."""
    wanted, bulk = bodies.creations(call, NOUN)
    now, made = datetime.now(UTC), []
    async with call.region.write() as tx:
        for one in wanted:
            subnet = await subnets.create(tx, bodies.actor(call, one), _one_size(one), now)
            await ports.address_automatically(tx, subnet, now)
            made.append(subnet)
    return listing.created(NOUN, made, bulk=bulk)


@routes.put("/subnets/{id}", policy="update_subnet")
async def update(call: Call) -> Reply:
    """Change a subnet."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        subnet = await subnets.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, subnet)


@routes.delete("/subnets/{id}", policy="delete_subnet")
async def delete(call: Call) -> Reply:
    """Delete a subnet that no port uses."""
    bodies.no_body(call)
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        subnet = await subnets.get(tx, call.caller, call.path["id"])
        await ports.forget_subnet(tx, subnet, now)
        await subnets.delete(tx, call.caller, subnet.id, bodies.revision(call), now)
    return Reply(status=204)


def _one_size(wanted: dict[str, Any]) -> dict[str, Any]:
    """Raises Neutron's fault for a prefix that is told twice."""
    if wanted.get("cidr") and wanted.get("prefixlen") is not None:
        raise subnets.bad_request("cidr and prefixlen must not be supplied together")
    return wanted
