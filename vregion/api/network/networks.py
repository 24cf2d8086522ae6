"""Networks and the availability zones that they may be in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.networks import NETWORKS
from vregion.api.schemas.network.values import boolean
from vregion.model.resource import Kind, Resource
from vregion.region import networks, ports, qos_policies
from vregion.region.resources import Filter

routes = Routes()
NOUN = Noun("network", Kind.NETWORK, NETWORKS)


def _default(values: list[str]) -> Filter:
    """Neutron reads it, and then shows every network (29.0.0 `services/auto_allocate/db.py` hooks no filter)."""
    for value in values:
        boolean(value)
    return Filter("deleting", False)


_SPECIAL = {"is_default": _default}


@routes.get("/networks", policy="get_network")
async def index(call: Call) -> Reply:
    """The project's networks, the shared and the external ones."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, networks.visible(call.caller), _SPECIAL)


@routes.get("/networks/{id}", policy="get_network")
async def show(call: Call) -> Reply:
    """One network."""
    listing.check(call, NOUN, _SPECIAL)
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await networks.get(tx, call.caller, call.path["id"]))


@routes.post("/networks", policy="create_network")
async def create(call: Call) -> Reply:
    """One network, or several at once."""
    wanted, bulk = bodies.creations(call, NOUN)
    now = datetime.now(UTC)
    bindings = await call.use.directory.bindings(call.region.id)
    zones = {b.availability_zone: b.backend_id for b in bindings if b.state == "enabled"}
    async with call.region.write() as tx:
        made = [await networks.create(tx, bodies.actor(call, one), one, zones, now) for one in wanted]
    return listing.created(NOUN, [_as_made(network) for network in made], bulk=bulk)


@routes.put("/networks/{id}", policy="update_network")
async def update(call: Call) -> Reply:
    """Change a network."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        network = await networks.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
        if "qos_policy_id" in wanted:
            await qos_policies.show_on_ports(tx, network, ports.document)
    return listing.show(call, NOUN, network)


@routes.delete("/networks/{id}", policy="delete_network")
async def delete(call: Call) -> Reply:
    """Delete a network with its subnets."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await networks.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


def _as_made(network: Resource) -> Resource:
    """Neutron tells `is_default` of a network that is not external in the answer to its creation only."""
    return replace(network, document=orjson.dumps({**orjson.loads(network.document), "is_default": False}))


@routes.get("/availability_zones", policy="get_availability_zone")
async def zones(call: Call) -> Reply:
    """The zones of the virtual region; a draining one takes nothing new."""
    found: list[dict[str, Any]] = [
        {
            "name": binding.availability_zone,
            "resource": "network",
            "state": "available" if binding.state == "enabled" else "unavailable",
        }
        for binding in await call.use.directory.bindings(call.region.id)
    ]
    return listing.few(call, "availability_zones", found, ("name", "resource", "state"))
