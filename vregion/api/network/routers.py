"""Routers, their interfaces, gateways and extra routes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.routers import ROUTERS, Gateways, gateways
from vregion.api.schemas.network.values import Wrong, address, bad, uuid_text
from vregion.model.backend import Binding
from vregion.model.refusals import Forbidden, Invalid
from vregion.model.resource import Kind
from vregion.region import router_changes, router_gateways, router_interfaces, routers

routes = Routes()
NOUN = Noun("router", Kind.ROUTER, ROUTERS)
_CHOSEN = ("enable_snat", "external_fixed_ips")


@routes.get("/routers", policy="get_router")
async def index(call: Call) -> Reply:
    """The project's routers."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, _own(call))


@routes.get("/routers/{id}", policy="get_router")
async def show(call: Call) -> Reply:
    """One router."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await routers.get(tx, call.caller, call.path["id"]))


@routes.post("/routers", policy="create_router")
async def create(call: Call) -> Reply:
    """One router; it is in no zone until one of its networks is."""
    wanted = bodies.creation(call, NOUN)
    _permit_gateway(wanted, "create")
    actor, zones = bodies.actor(call, wanted), _backends(await _bindings(call))
    async with call.region.write() as tx:
        router = await router_changes.create(tx, actor, wanted, zones, datetime.now(UTC))
    return listing.created(NOUN, [router], bulk=False)


@routes.put("/routers/{id}", policy="update_router")
async def update(call: Call) -> Reply:
    """Change a router: name, state, gateway, extra routes."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    _permit_gateway(wanted, "update")
    async with call.region.write() as tx:
        router = await router_changes.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, router)


@routes.delete("/routers/{id}", policy="delete_router")
async def delete(call: Call) -> Reply:
    """Delete a router that is on no network."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await router_changes.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


@routes.put("/routers/{id}/add_router_interface", policy="add_router_interface")
async def add_interface(call: Call) -> Reply:
    """Put a router on a subnet, or on those of a port."""
    wanted = _interface(call)
    if len(wanted) == 2:
        raise _bad_router("Cannot specify both subnet-id and port-id")
    bindings = await _bindings(call)
    async with call.region.write() as tx:
        router_id, now = call.path["id"], datetime.now(UTC)
        attached = await router_interfaces.add(tx, call.caller, router_id, wanted, _backends(bindings), now)
        await routers.require_gateways(tx, router_id, bindings)
    return Reply(attached.wire())


@routes.put("/routers/{id}/remove_router_interface", policy="remove_router_interface")
async def remove_interface(call: Call) -> Reply:
    """Take a router off a subnet."""
    wanted = _interface(call)
    async with call.region.write() as tx:
        attached = await router_interfaces.remove(tx, call.caller, call.path["id"], wanted, datetime.now(UTC))
    return Reply(attached.wire())


@routes.put("/routers/{id}/add_external_gateways", policy="add_external_gateways")
async def add_external_gateways(call: Call) -> Reply:
    """These gateways beside those that are there."""
    wanted, bindings = _external_gateways(call, "add"), await _bindings(call)
    async with call.region.write() as tx:
        router_id, now = call.path["id"], datetime.now(UTC)
        router = await router_gateways.add(tx, call.caller, router_id, wanted or [], bindings, now)
    return listing.show(call, NOUN, router)


@routes.put("/routers/{id}/update_external_gateways", policy="update_external_gateways")
async def update_external_gateways(call: Call) -> Reply:
    """One gateway, or none at all."""
    wanted = _external_gateways(call, "update")
    async with call.region.write() as tx:
        router_id, now = call.path["id"], datetime.now(UTC)
        if wanted is None:
            router = await routers.get(tx, call.caller, router_id)
        else:
            router = await router_gateways.replace(tx, call.caller, router_id, wanted, now)
    return listing.show(call, NOUN, router)


@routes.put("/routers/{id}/remove_external_gateways", policy="remove_external_gateways")
async def remove_external_gateways(call: Call) -> Reply:
    """The router without the gateways that have these addresses."""
    wanted = _external_gateways(call, "remove")
    async with call.region.write() as tx:
        router_id, now = call.path["id"], datetime.now(UTC)
        router = await router_gateways.remove(tx, call.caller, router_id, wanted or [], now)
    return listing.show(call, NOUN, router)


@routes.put("/routers/{id}/add_extraroutes", policy="add_extraroutes")
async def add_extraroutes(call: Call) -> Reply:
    """These routes beside those that are there."""
    given = _routes(call)
    async with call.region.write() as tx:
        router = await router_changes.add_routes(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return listing.show(call, NOUN, router)


@routes.put("/routers/{id}/remove_extraroutes", policy="remove_extraroutes")
async def remove_extraroutes(call: Call) -> Reply:
    """The router without these routes; one that it does not have, or that is no route, changes nothing."""
    given = _given_routes(call)
    async with call.region.write() as tx:
        router = await router_changes.remove_routes(tx, call.caller, call.path["id"], given, datetime.now(UTC))
    return listing.show(call, NOUN, router)


def _own(call: Call) -> dict[str, Any]:
    return {"project_id": None if call.caller.is_admin else call.project_id}


async def _bindings(call: Call) -> Sequence[Binding]:
    """The zones that the tenant has."""
    return await call.use.directory.bindings(call.region.id)


def _backends(bindings: Sequence[Binding]) -> dict[str, str]:
    return {binding.availability_zone: binding.backend_id for binding in bindings}


def _permit_gateway(wanted: Mapping[str, Any], verb: str) -> None:
    """How a gateway translates and under which address is for a backend's own administrator to choose."""
    gateway = wanted.get("external_gateway_info") or {}
    chosen = [name for name in _CHOSEN if name in gateway and not (name == "enable_snat" and gateway[name])]
    if chosen:
        rule = f"{verb}_router:external_gateway_info"
        parts = " and ".join(f"rule:{rule}:{name}" for name in ("network_id", *chosen))
        message = f"(rule:{verb}_router and (rule:{rule} and ({parts}))) is disallowed by policy"
        raise Forbidden(message, reason="PolicyNotAuthorized")


def _external_gateways(call: Call, verb: str) -> Gateways | None:
    """None where the request does not speak of them; Neutron 29.0.0 fails with 500 on what is no list of gateways."""
    body = bodies.parsed(call)
    router = body.get("router") if isinstance(body, dict) else None
    if not isinstance(router, dict):
        raise bad("Unable to find 'router' in request body")
    if "external_gateways" not in router:
        return None
    try:
        found = gateways(router["external_gateways"])
    except Wrong as wrong:
        raise bad(f"Invalid input for external_gateways. Reason: {wrong}.") from None
    chosen = next((names for one in found if (names := [name for name in _CHOSEN if name in one])), None)
    if chosen and verb != "remove":
        rule = f"rule:{verb}_external_gateways"
        parts = " and ".join(f"{rule}:external_gateways:{name}" for name in ("network_id", *chosen))
        message = f"({rule} and (({rule}:external_gateways and ({parts})) and ({parts}))) is disallowed by policy"
        raise Forbidden(message, reason="PolicyNotAuthorized")
    return found


def _interface(call: Call) -> dict[str, str]:
    """`port_id`, `subnet_id` or both, whatever else is there (neutron `l3_db.py` _validate_interface_info)."""
    body = bodies.parsed(call)
    wanted = {key: body[key] for key in ("port_id", "subnet_id") if key in body} if isinstance(body, dict) else {}
    if not wanted:
        raise _bad_router("Either subnet_id or port_id must be specified")
    for value in wanted.values():
        try:
            uuid_text(value)
        except Wrong as wrong:
            raise _bad_router(str(wrong)) from None
    return wanted


def _routes(call: Call) -> list[dict[str, str]]:
    """Texts, with next hops that are addresses; the destinations are looked at last, as Neutron does."""
    found = []
    for route in _given_routes(call):
        hop, destination = route["nexthop"], route["destination"]
        if not (isinstance(hop, str) and isinstance(destination, str)):
            raise bad(f"Invalid input for routes. Reason: Invalid data format for hostroute: '{route}'.")
        try:
            found.append({"destination": destination, "nexthop": address(hop)})
        except Wrong:
            words = f"failed to detect a valid IP address from {hop!r}"
            raise Invalid(words, reason="AddrFormatError") from None
    return found


def _given_routes(call: Call) -> list[dict[str, Any]]:
    """Twice the same is once, and what else a route has is passed over (29.0.0 `neutron/db/extraroute_db.py`).

    Neutron fails with 500 on anything but a list of routes here.
    """
    body, found = bodies.parsed(call), []
    router = body.get("router") if isinstance(body, dict) else None
    if not isinstance(router, dict) or "routes" not in router:
        raise bad("Unable to find 'routes' of 'router' in request body")
    given = router["routes"]
    for route in given if isinstance(given, list) else [given]:
        if not isinstance(route, dict) or not {"destination", "nexthop"} <= route.keys():
            raise bad(f"Invalid input for routes. Reason: Invalid data format for hostroute: '{given}'.")
        plain = {key: route[key] for key in ("destination", "nexthop")}
        if plain not in found:
            found.append(plain)
    return found


def _bad_router(message: str) -> Invalid:
    return Invalid(f"Bad router request: {message}.", reason="BadRequest")
