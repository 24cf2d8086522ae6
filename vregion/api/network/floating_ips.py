"""Floating IPs."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vregion.api import floating_ips as making
from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.floating_ips import FLOATING_IPS
from vregion.model.resource import Kind, Resource
from vregion.region import associations, floating_ips
from vregion.region.regions import Transaction

routes = Routes()
NOUN = Noun("floatingip", Kind.FLOATING_IP, FLOATING_IPS)


@routes.get("/floatingips", policy="get_floatingip")
async def index(call: Call) -> Reply:
    """The project's floating IPs."""
    seen: dict[str, Any] = {"project_id": None if call.caller.is_admin else call.project_id}
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, seen)


@routes.get("/floatingips/{id}", policy="get_floatingip")
async def show(call: Call) -> Reply:
    """One floating IP."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await _told(tx, await floating_ips.get(tx, call.caller, call.path["id"])))


@routes.post("/floatingips", policy="create_floatingip")
async def create(call: Call) -> Reply:
    """One floating IP; the answer comes when the zone has given the address."""
    wanted = bodies.creation(call, NOUN)
    actor = bodies.actor(call, wanted)
    ip = await making.create(call, actor, wanted | {"project_id": actor.project_id})
    async with call.region.read() as tx:
        return listing.created(NOUN, [await _told(tx, ip)], bulk=False)


@routes.put("/floatingips/{id}", policy="update_floatingip")
async def update(call: Call) -> Reply:
    """Associate, disassociate, describe."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        ip = await floating_ips.update(tx, call.caller, call.path["id"], wanted, zones, revision, datetime.now(UTC))
        ip = await _told(tx, ip)
    return listing.show(call, NOUN, ip)


@routes.delete("/floatingips/{id}", policy="delete_floatingip")
async def delete(call: Call) -> Reply:
    """Give a floating IP back."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await floating_ips.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


async def _told(tx: Transaction, ip: Resource) -> Resource:
    """With what its port is."""
    (document,) = await associations.detailed(tx, [(ip.document, ip.parent_id)])
    return replace(ip, document=document)
