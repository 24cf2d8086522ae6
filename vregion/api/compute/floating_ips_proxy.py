"""Nova's old view of floating IPs, until 2.35, and its two actions, until 2.43. The rows are Neutron's.

The actions are called by `server_actions`. A pool is an external network; there is one, and it is the default.
"""

from datetime import UTC, datetime
from typing import Any

from vregion.api import floating_ips as making
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import proxies as schema
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound, OverQuota, Refusal
from vregion.model.resource import Kind, Resource
from vregion.region import floating_ips, networks, ports, resources
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

routes = Routes()
_IPS = "os_compute_api:os-floating-ips"
_POOLS = "os_compute_api:os-floating-ip-pools"
RULES = {
    **{f"{_IPS}:{name}": "reader" for name in ("list", "show")},
    **{f"{_IPS}:{name}": "member" for name in ("create", "delete")},
    _POOLS: "any",
}


@routes.get("/os-floating-ips", policy=f"{_IPS}:list", until="2.35")
async def index(call: Call) -> Reply:
    """The project's."""
    async with call.region.read() as tx:
        query = Query(Kind.FLOATING_IP, call.project_id, (Filter("deleting", False),))
        found = [await _view(tx, ip) for ip in await resources.list_resources(tx, query)]
    return Reply({"floating_ips": found})


@routes.get("/os-floating-ips/{id}", policy=f"{_IPS}:show", until="2.35")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        return Reply({"floating_ip": await _view(tx, await _one(tx, call))})


@routes.post("/os-floating-ips", policy=f"{_IPS}:create", until="2.35")
async def create(call: Call) -> Reply:
    """One from a pool."""
    body = call.json() if call.body_bytes else None
    schema.FLOATING_IP.check(body, call.microversion)
    wanted = (body or {}).get("pool")
    pool = next((one for one in await _external(call) if wanted in (None, one.id, one.name)), None)
    if pool is None:
        raise NotFound("Floating IP pool not found.")
    of_pool = f" in pool {wanted}." if wanted else "."
    try:
        plain = {"floating_network_id": pool.id, "description": "", "project_id": call.project_id}
        ip = await making.create(call, call.caller, plain)
    except OverQuota as over:
        raise Forbidden(f"IP allocation over quota{of_pool}") from over
    except Conflict as empty:
        raise NotFound(f"No more floating IPs{of_pool if wanted else ' available.'}") from empty
    async with call.region.read() as tx:
        return Reply({"floating_ip": await _view(tx, ip)})


@routes.delete("/os-floating-ips/{id}", policy=f"{_IPS}:delete", until="2.35")
async def delete(call: Call) -> Reply:
    """Give one back; a server that has it loses it."""
    async with call.region.write() as tx:
        ip = await _one(tx, call)
        await floating_ips.delete(tx, call.caller, ip.id, None, datetime.now(UTC))
    return Reply(None, 202)


@routes.get("/os-floating-ip-pools", policy=_POOLS, until="2.35")
async def pools(call: Call) -> Reply:
    """The external networks that the caller sees."""
    return Reply({"floating_ip_pools": [{"name": network.name or network.id} for network in await _external(call)]})


async def add(call: Call, server: Resource, given: Any) -> Reply:
    """The action: an address leads to a server, to its first IPv4 address or the named one."""
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        plugged = await ports.of_server(tx, server.id)
        port, fixed = _inside(plugged, given.get("fixed_address"))
        ip = await _by_address(tx, call, given["address"])
        if ip is None:
            raise NotFound("floating IP not found")
        try:
            wanted = {"port_id": port.id, "fixed_ip_address": fixed}
            await floating_ips.update(tx, call.caller, ip.id, wanted, zones, None, datetime.now(UTC))
        except Refusal as refused:
            raise Invalid(
                f"Unable to associate floating IP {given['address']} to fixed IP {fixed} for instance {server.id}. "
                f"Error: {refused.message}"
            ) from refused
    return Reply(None, 202)


async def remove(call: Call, server: Resource, given: Any) -> Reply:
    """The action: an address leads to the server no more."""
    async with call.region.write() as tx:
        ip = await _by_address(tx, call, given["address"])
        if ip is None:
            raise NotFound(f"Floating IP not found for address {given['address']}.")
        port = await resources.find(tx, Kind.PORT, ip.spec["port_id"]) if ip.spec["port_id"] else None
        if port is None or port.spec["server_id"] != server.id:
            raise Conflict(f"Floating IP {given['address']} is not associated with instance {server.id}.")
        await floating_ips.update(tx, call.caller, ip.id, {"port_id": None}, (), None, datetime.now(UTC))
    return Reply(None, 202)


def _inside(plugged: list[Resource], wanted: str | None) -> tuple[Resource, str]:
    """The port and the fixed address that the floating one shall lead to."""
    if not plugged:
        raise Invalid("Instance network is not ready yet")
    every = [(port, ip["ip_address"]) for port in plugged for ip in port.spec["fixed_ips"]]
    if not every:
        raise Invalid("No fixed IPs associated to instance")
    found = [(port, ip) for port, ip in every if ip == wanted or (wanted is None and ":" not in ip)]
    if not found:
        raise Invalid("Specified fixed address not assigned to instance")
    return found[0]


async def _one(tx: Transaction, call: Call) -> Resource:
    try:
        return await floating_ips.get(tx, call.caller, call.path["id"])
    except NotFound as lacking:
        raise NotFound(f"Floating IP not found for ID {call.path['id']}") from lacking


async def _by_address(tx: Transaction, call: Call, address: str) -> Resource | None:
    same = (Filter("deleting", False), Filter("spec.floating_ip_address", address))
    found = await resources.list_resources(tx, Query(Kind.FLOATING_IP, call.project_id, same))
    return found[0] if found else None


async def _external(call: Call) -> list[Resource]:
    outside = (Filter("deleting", False), Filter("spec.router:external", True))
    query = Query(Kind.NETWORK, filters=outside, **networks.visible(call.caller))
    async with call.region.read() as tx:
        return await resources.list_resources(tx, query)


async def _view(tx: Transaction, ip: Resource) -> dict[str, Any]:
    """nova 34.0.0 `compute/floating_ips.py` _translate_floating_ip_view."""
    network = await resources.find(tx, Kind.NETWORK, ip.spec["floating_network_id"])
    port = await resources.find(tx, Kind.PORT, ip.spec["port_id"]) if ip.spec["port_id"] else None
    return {
        "id": ip.id,
        "ip": ip.spec["floating_ip_address"],
        "fixed_ip": ip.spec["fixed_ip_address"],
        "instance_id": port.spec["device_id"] if port else None,
        "pool": network.name if network else ip.spec["floating_network_id"],
    }
