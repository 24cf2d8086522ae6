"""Ports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.network.listing import Special
from vregion.api.schemas.network.ports import PORTS
from vregion.api.schemas.network.values import invalid
from vregion.model.caller import Caller
from vregion.model.refusals import Forbidden
from vregion.model.resource import Kind, Resource
from vregion.region import addresses, dns_names, ports, servers
from vregion.region.regions import Transaction
from vregion.region.resources import Filter

routes = Routes()
NOUN = Noun("port", Kind.PORT, PORTS)
_SHOWN = {"fixed_ips", "mac_address", "security_groups"}  # by the port's server too


@routes.get("/ports", policy="get_port")
async def index(call: Call) -> Reply:
    """The project's ports, and those of others on its networks."""
    project_id = None if call.caller.is_admin else call.project_id
    seen = {"project_id": project_id, "shared": (Filter("spec.network_project_id", call.project_id),)}
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, seen, _special(tx))


@routes.get("/ports/{id}", policy="get_port")
async def show(call: Call) -> Reply:
    """One port."""
    async with call.region.read() as tx:
        listing.check(call, NOUN, _special(tx))
        return listing.show(call, NOUN, await ports.get(tx, call.caller, call.path["id"]))


@routes.post("/ports", policy="create_port")
async def create(call: Call) -> Reply:
    """One port, or several at once."""
    wanted, bulk = bodies.creations(call, NOUN)
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        made = [await ports.create(tx, bodies.actor(call, one), one, now) for one in wanted]
    return listing.created(NOUN, made, bulk=bulk)


@routes.put("/ports/{id}", policy="update_port")
async def update(call: Call) -> Reply:
    """Change a port. A MAC is changed by managers of its network's project, and while the port is in no zone."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    zones = await call.use.directory.bindings(call.region.id) if wanted.get("dns_name") else ()
    async with call.region.write() as tx:
        before = await ports.get(tx, call.caller, call.path["id"])
        if "mac_address" in wanted and not _may_choose_mac(call.caller, before):
            message = "(rule:update_port and rule:update_port:mac_address) is disallowed by policy"
            raise Forbidden(message, reason="PolicyNotAuthorized")
        for zone in zones:
            if zone.backend_id == before.backend_id:
                dns_names.require_service(before.id, wanted["dns_name"], zone)
        port = await ports.update(tx, call.caller, before.id, wanted, revision, datetime.now(UTC))
        if port.spec["server_id"] and wanted.keys() & _SHOWN:
            await servers.redraw(tx, port.spec["server_id"])
    return listing.show(call, NOUN, port)


@routes.delete("/ports/{id}", policy="delete_port")
async def delete(call: Call) -> Reply:
    """Delete a port."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await ports.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


def _may_choose_mac(caller: Caller, port: Resource) -> bool:
    """Who manages the network may (29.0.0 `neutron/conf/policies/port.py` update_port:mac_address)."""
    manages = "manager" in caller.roles and port.spec["network_project_id"] == caller.project_id
    return caller.is_admin or manages


def _special(tx: Transaction) -> Mapping[str, Special]:
    """Filters that ask the table of addresses, or lists inside a row."""
    return {"fixed_ips": lambda values: _by_address(tx, values), "security_groups": _by_group}


def _by_address(tx: Transaction, values: list[str]) -> Filter:
    """fixed_ips=ip_address=A, =subnet_id=S, =ip_address_substr=PART; other keys ask for nothing."""
    asked: dict[str, list[str]] = {}
    for value in values:
        key, equals, wanted = (part.strip() for part in value.partition("="))
        if not key or not equals:
            raise invalid(f"'{value}' is not of the form <key>=[value]")
        asked.setdefault(key, []).append(wanted)
    ips, on, parts = asked.get("ip_address", ()), asked.get("subnet_id", ()), asked.get("ip_address_substr", [None])
    if not asked.keys() & {"ip_address", "subnet_id", "ip_address_substr"}:
        return Filter("", [], "none")
    found: list[Any] = [addresses.ports_with(tx, ips, on, part) for part in parts]
    return Filter("", [Filter("id", one, "among") for one in found], "any")


def _by_group(values: list[str]) -> Filter:
    return Filter(
        "", [Filter("spec.security_groups", orjson.dumps(value).decode(), "contains") for value in values], "any"
    )
