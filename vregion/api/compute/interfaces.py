"""A server's interfaces. The port is ours and is made in the zone first; plugging it in is live.

A port on its way out is let go when the zone's server shows its MAC address no more.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute.requests import body, query
from vregion.api.compute.server_calls import ask, found, record
from vregion.api.http import Call, Reply, Routes
from vregion.api.live import realized
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound, OverQuota, Refusal
from vregion.model.resource import Kind, Resource
from vregion.region import networks, ports, resources, server_changes, servers

routes = Routes()
_RULE = "os_compute_api:os-attach-interfaces"
RULES = {
    **dict.fromkeys((f"{_RULE}:list", f"{_RULE}:show"), "reader"),
    **dict.fromkeys((f"{_RULE}:create", f"{_RULE}:delete"), "member"),
}
_PATH = "/servers/{id}/os-interface"
_TAGS = Microversion(2, 70)
# What a server create answers with 400, an attach answers otherwise (nova 34.0.0 `compute/attach_interfaces.py`).
_CODES = {"PortNotFound": 404, "NetworkNotFound": 404, "FixedIpAlreadyInUse": 409, "PortInUse": 409}


def _view(call: Call, server: Resource, port: Resource) -> dict[str, Any]:
    shown = {
        "net_id": port.spec["network_id"],
        "port_id": port.id,
        "mac_addr": port.spec["mac_address"],
        "port_state": port.status,
        "fixed_ips": port.spec["fixed_ips"],
    }
    if call.microversion >= _TAGS:
        shown["tag"] = server_changes.interface_tag(server, port.id)
    return shown


@routes.get(_PATH, policy=f"{_RULE}:list")
async def index(call: Call) -> Reply:
    """All of a server's."""
    query(call, schema.NO_QUERY)
    server = await found(call)
    async with call.region.read() as tx:
        plugged = await ports.of_server(tx, server.id)
    return Reply({"interfaceAttachments": [_view(call, server, port) for port in plugged]})


@routes.get(_PATH + "/{port_id}", policy=f"{_RULE}:show")
async def show(call: Call) -> Reply:
    """One."""
    query(call, schema.NO_QUERY)
    server = await found(call)
    port_id = call.path["port_id"]
    async with call.region.read() as tx:
        port = await resources.find(tx, Kind.PORT, port_id)
        if port is None or port.project_id != server.project_id or port.deleting:
            raise NotFound(f"Port id {port_id} could not be found.")
    if port.spec["server_id"] != server.id:
        raise NotFound(f"Instance {server.id} does not have a port with id {port_id}")
    return Reply({"interfaceAttachment": _view(call, server, port)})


@routes.post(_PATH, policy=f"{_RULE}:create")
async def create(call: Call) -> Reply:
    """Plugged here, made in the zone, then attached there."""
    given = body(call, schema.ATTACH_INTERFACE).get("interfaceAttachment", {})
    server = await found(call)
    wanted = _wanted(given)
    if server.spec["vm_state"] not in ("active", "paused", "stopped") or server.deleting:
        raise servers.cannot(server, "attach_interface")
    servers.require_unlocked(server, is_admin=call.caller.is_admin)
    port = await _plug(call, server, wanted)
    done = False
    try:
        external = await realized(call, port)
        if trunk := port.spec.get("trunk_details"):
            async with call.region.read() as tx:
                row = await resources.get(tx, Kind.TRUNK, trunk["trunk_id"])
            await realized(call, row)
        attachment = {"port_id": external} | ({"tag": wanted["tag"]} if wanted.get("tag") else {})
        await ask(
            call,
            server,
            "attach_interface",
            ("POST", "/os-interface", {"interfaceAttachment": attachment}),
            {external: port.id},
        )
        done = True
    finally:
        async with call.region.write() as tx:
            if done:
                server = await server_changes.plugged(tx, server.id, port, wanted.get("tag"), datetime.now(UTC))
            else:
                await ports.unplug(tx, port, datetime.now(UTC))
    await record(call, server, "attach_interface")
    return Reply({"interfaceAttachment": _view(call, server, port)})


def _wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    """The body as an item of a server's `networks`. Raises Invalid in Nova's words."""
    addresses = given.get("fixed_ips")
    if given.get("net_id") and given.get("port_id"):
        raise Invalid("Must not input both network_id and port_id")
    if addresses and not given.get("net_id"):
        raise Invalid("Must input network_id when request IP address")
    wanted = {"uuid": given.get("net_id"), "port": given.get("port_id"), "tag": given.get("tag")}
    if addresses:
        wanted["fixed_ip"] = addresses[0]["ip_address"]
    return {name: value for name, value in wanted.items() if value is not None}


async def _plug(call: Call, server: Resource, wanted: dict[str, Any]) -> Resource:
    """The port, bound to the server. Raises in Nova's words and with its codes."""
    zones = await call.use.directory.bindings(call.region.id)
    binding = next((zone for zone in zones if zone.backend_id == server.backend_id), None)
    if binding is None:
        raise Conflict(f"Availability zone {server.availability_zone} is being taken away.")
    async with call.region.write() as tx:
        if "uuid" not in wanted and "port" not in wanted:
            available = await networks.candidates(tx, call.project_id)
            if not available:
                words = f"No specific network was requested and none are available for project '{server.project_id}'."
                raise Invalid(words)
            if len(available) > 1:
                raise Invalid("Multiple possible networks found, use a Network ID to be more specific.")
            wanted["uuid"] = available[0].id
        try:
            named = {**wanted, "host_name": servers.shown(server)["OS-EXT-SRV-ATTR:hostname"]}
            return await ports.plug(
                tx, call.caller, named, server.id, server.project_id, binding, [], datetime.now(UTC)
            )
        except OverQuota as over:
            raise Forbidden("Maximum number of ports exceeded") from over
        except Refusal as refusal:
            raise Refusal(refusal.message, status=_CODES.get(refusal.kind, refusal.code)) from refusal


@routes.delete(_PATH + "/{port_id}", policy=f"{_RULE}:delete")
async def delete(call: Call) -> Reply:
    """The zone begins to take it off. A port that is not the server's: accepted, to no effect, as in Nova."""
    server = await found(call)
    servers.require_unlocked(server, is_admin=call.caller.is_admin)
    if server.spec["vm_state"] not in ("active", "paused", "stopped"):
        raise servers.cannot(server, "detach_interface")
    async with call.region.read() as tx:
        port = next((one for one in await ports.of_server(tx, server.id) if one.id == call.path["port_id"]), None)
    if port is None:
        return Reply(None, 202)
    external = await realized(call, port)
    async with call.region.write() as tx:
        await server_changes.unplugging(tx, server.id, port.id, datetime.now(UTC), leaving=True)
    done = False
    try:
        await ask(call, server, "detach_interface", ("DELETE", f"/os-interface/{external}", None), {external: port.id})
        done = True
    finally:
        if not done:
            async with call.region.write() as tx:
                await server_changes.unplugging(tx, server.id, port.id, datetime.now(UTC), leaving=False)
    await record(call, server, "detach_interface")
    return Reply(None, 202)
