"""Subnet pools, and what changes their prefixes."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.subnet_pools import SUBNET_POOLS
from vregion.api.schemas.network.values import bad, invalid
from vregion.ipam import blocks
from vregion.ipam.blocks import Blocks
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind
from vregion.region import sharing, subnet_pool_changes, subnet_pools

routes = Routes()
NOUN = Noun("subnetpool", Kind.SUBNET_POOL, SUBNET_POOLS)


@routes.get("/subnetpools", policy="get_subnetpool")
async def index(call: Call) -> Reply:
    """The project's pools, and those that are shared with it."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, sharing.visible(call.caller))


@routes.get("/subnetpools/{id}", policy="get_subnetpool")
async def show(call: Call) -> Reply:
    """One pool."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await subnet_pools.get(tx, call.caller, call.path["id"]))


@routes.post("/subnetpools", policy="create_subnetpool")
async def create(call: Call) -> Reply:
    """One pool."""
    wanted = bodies.creation(call, NOUN)
    actor = bodies.actor(call, wanted)
    async with call.region.write() as tx:
        pool = await subnet_pools.create(tx, actor, wanted, datetime.now(UTC))
    return listing.created(NOUN, [pool], bulk=False)


@routes.put("/subnetpools/{id}", policy="update_subnetpool")
async def update(call: Call) -> Reply:
    """Change a pool; it may grow only."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        pool = await subnet_pool_changes.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, pool)


@routes.delete("/subnetpools/{id}", policy="delete_subnetpool")
async def delete(call: Call) -> Reply:
    """Delete a pool that no subnet is from."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await subnet_pools.delete(tx, call.caller, call.path["id"], bodies.revision(call))
    return Reply(status=204)


@routes.put("/subnetpools/{id}/add_prefixes", policy="add_prefixes")
async def add_prefixes(call: Call) -> Reply:
    """More prefixes."""
    given = blocks.texts(_prefixes(call))
    async with call.region.write() as tx:
        pool = await subnet_pool_changes.add_prefixes(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return Reply({"prefixes": pool.spec["prefixes"]})


@routes.put("/subnetpools/{id}/remove_prefixes", policy="remove_prefixes")
async def remove_prefixes(call: Call) -> Reply:
    """Fewer prefixes; none that a subnet has."""
    given = _prefixes(call)
    async with call.region.write() as tx:
        pool = await subnet_pool_changes.remove_prefixes(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return Reply({"prefixes": pool.spec["prefixes"]})


@routes.put("/subnetpools/{id}/onboard_network_subnets", policy="onboard_network_subnets")
async def onboard_network_subnets(call: Call) -> Reply:
    """A network's subnets become the pool's."""
    network_id = _body(call).get("network_id")
    if network_id is None:
        raise invalid("network_id must be specified.")
    async with call.region.write() as tx:
        found = await subnet_pool_changes.onboard(tx, call.caller, call.path["id"], str(network_id), datetime.now(UTC))
    return Reply([{"id": subnet.id, "cidr": subnet.spec["cidr"]} for subnet in found])


def _prefixes(call: Call) -> Blocks:
    """The body of these two has no noun around it (29.0.0 `neutron/extensions/subnetpool_prefix_ops.py`)."""
    given = _body(call).get("prefixes")
    if not given or not isinstance(given, list):
        raise bad("Request body contains invalid data")
    for one in given:
        try:
            blocks.parse([str(one)])
        except ValueError:
            raise Invalid(f"invalid IPNetwork {one}", reason="AddrFormatError") from None
    return blocks.parse(given)


def _body(call: Call) -> dict[str, Any]:
    body = bodies.parsed(call)
    if not isinstance(body, dict):
        raise bad("Request body contains invalid data")
    return body
