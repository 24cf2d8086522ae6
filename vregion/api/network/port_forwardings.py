"""Port forwardings of a floating IP. They are few: a list is made of the floating IP's row."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.floating_ips import PORT_FORWARDINGS
from vregion.model.resource import Kind
from vregion.region import floating_ips, port_forwardings

routes = Routes()
NOUN = Noun("port_forwarding", Kind.FLOATING_IP, PORT_FORWARDINGS)
_BELOW = "/floatingips/{id}/port_forwardings"
_ONE = _BELOW + "/{forwarding_id}"


@routes.get(_BELOW, policy="get_floatingip_port_forwarding")
async def index(call: Call) -> Reply:
    """All of a floating IP. What is asked for is looked at before it is."""
    listing.check(call, NOUN)
    async with call.region.read() as tx:
        ip = await floating_ips.get(tx, call.caller, call.path["id"])
    found = [_whole(one) for one in port_forwardings.of(ip)]
    return listing.few(call, "port_forwardings", found, tuple(PORT_FORWARDINGS), PORT_FORWARDINGS)


@routes.get(_ONE, policy="get_floatingip_port_forwarding")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        ip = await floating_ips.get(tx, call.caller, call.path["id"])
    found = port_forwardings.find(ip, call.path["forwarding_id"])
    return Reply({"port_forwarding": listing.part(call, _whole(found))})


@routes.post(_BELOW, policy="create_floatingip_port_forwarding")
async def create(call: Call) -> Reply:
    """Let a port of the floating IP lead to one of an instance."""
    wanted = bodies.creation(call, NOUN)
    bodies.actor(call, wanted)
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        made = await port_forwardings.create(tx, call.caller, call.path["id"], wanted, zones, datetime.now(UTC))
    return Reply({"port_forwarding": made}, 201)


@routes.put(_ONE, policy="update_floatingip_port_forwarding")
async def update(call: Call) -> Reply:
    """Change one."""
    wanted, path = bodies.changes(call, NOUN), call.path
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        found = await port_forwardings.update(
            tx, call.caller, path["id"], path["forwarding_id"], wanted, zones, datetime.now(UTC)
        )
    return Reply({"port_forwarding": listing.part(call, _whole(found))})


@routes.delete(_ONE, policy="delete_floatingip_port_forwarding")
async def delete(call: Call) -> Reply:
    """One less."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        path = call.path
        await port_forwardings.delete(tx, call.caller, path["id"], path["forwarding_id"], datetime.now(UTC))
    return Reply(status=204)


def _whole(forwarding: dict[str, Any]) -> dict[str, Any]:
    """Without the single port where there are several; only the answer to its creation says null (neutron
    `objects/port_forwarding.py` modify_fields_from_db)."""
    return {key: value for key, value in forwarding.items() if value is not None}
