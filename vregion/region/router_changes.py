"""What a tenant does with routers, interfaces and gateways aside: create, update, delete, extra routes.

Called by the API. The checks and their words are Neutron's (29.0.0 `neutron/db/l3_db.py`, `extraroute_db.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from vregion.ipam import prefixes
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import associations, router_gateways, routers, transits, usages
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction

Route = dict[str, str]


async def create(
    tx: Transaction, caller: Caller, wanted: dict[str, Any], zones: Mapping[str, str], now: datetime
) -> Resource:
    """A new router, in no zone yet. `zones` maps the region's availability zones to their backends."""
    for hint in wanted["availability_zone_hints"]:
        if hint not in zones:
            raise NotFound(f"AvailabilityZone {hint} could not be found.", reason="AvailabilityZoneNotFound")
    gateway = wanted.pop("external_gateway_info", None)
    spec = {**wanted, "gateway_network_id": None, "gateways": {}, "more_gateways": {}, "zones": {},
            "routes": []}  # fmt: skip
    router = standard.fresh(Kind.ROUTER, caller, spec, now)
    await standard.reserve(tx, router.project_id, "router")
    router = await standard.insert(tx, router, routers.document)
    return await router_gateways.choose(tx, caller, router, gateway, now) if gateway else router


async def update(
    tx: Transaction, caller: Caller, router_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change a router; where it is, its zones follow."""
    router = await routers.hold(tx, caller, router_id)
    standard.check_revision(router, revision)
    if wanted.get("admin_state_up", router.spec["admin_state_up"]) != router.spec["admin_state_up"]:
        await associations.look(tx, await associations.through(tx, router.id), now)
    if "routes" in wanted:
        await _check_routes(tx, router, wanted["routes"])
    if "external_gateway_info" in wanted:
        router = await router_gateways.choose(tx, caller, router, wanted.pop("external_gateway_info"), now)
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return router
    return await standard.revise(tx, router, routers.document, now, spec=wanted, **columns)


async def delete(tx: Transaction, caller: Caller, router_id: str, revision: int | None, now: datetime) -> None:
    """End a router without interfaces."""
    router = await routers.hold(tx, caller, router_id)
    standard.check_revision(router, revision)
    if attached := await routers.interfaces(tx, router_id):
        words = ", ".join(port.id for port in attached)
        raise Conflict(f"Router {router_id} has ports still attached: {words}", reason="RouterInUse")
    router = await router_gateways.close(tx, caller, router, now)
    await usages.release(tx, router.project_id, {"router": 1})
    if not await transits.keep(tx, router, now):
        router = await transits.prune(tx, router, now, ends=True)
        await standard.end(tx, router, now, routers.vanished)


async def add_routes(
    tx: Transaction, caller: Caller, router_id: str, given: Sequence[Route], now: datetime
) -> Resource:
    """These routes beside those that are there. Raises Invalid, for a destination that is none after all else."""
    router = await routers.hold(tx, caller, router_id)
    routes = router.spec["routes"] + [route for route in given if route not in router.spec["routes"]]
    await _check_routes(tx, router, routes)
    for route in routes:
        try:
            prefixes.prefix(route["destination"])
        except ValueError:
            raise Invalid(f"invalid IPNetwork {route['destination']}", reason="AddrFormatError") from None
    return await standard.revise(tx, router, routers.document, now, spec={"routes": routes})


async def remove_routes(
    tx: Transaction, caller: Caller, router_id: str, given: Sequence[Route], now: datetime
) -> Resource:
    """The other routes stay; one that is not there is no error."""
    router = await routers.hold(tx, caller, router_id)
    routes = [route for route in router.spec["routes"] if route not in given]
    return await standard.revise(tx, router, routers.document, now, spec={"routes": routes})


async def _check_routes(tx: Transaction, router: Resource, routes: Sequence[Route]) -> None:
    """The next hop is on an attached subnet and is not the router itself; there is a limit to their number."""
    attached = await routers.interfaces(tx, router.id)
    attached += await routers.gateway_ports(tx, router.id)
    cidrs = [prefixes.prefix(subnet.spec["cidr"]) for subnet in await routers.attached_subnets(tx, attached)]
    own = {ip["ip_address"] for port in attached for ip in port.spec["fixed_ips"]}
    for route in routes:
        hop = ip_address(route["nexthop"])
        if not any(hop in cidr for cidr in cidrs):
            raise _bad_routes(routes, "the nexthop is not connected with router")
        if route["nexthop"] in own:
            raise _bad_routes(routes, "the nexthop is used by router")
    limit, _ = (await usages.limits(tx, router.project_id))["router_route"]
    if 0 <= limit < len(routes):
        raise OverQuota("Quota exceeded for resources: ['router_route'].", status=409)


def _bad_routes(routes: Sequence[Route], why: str) -> Invalid:
    return Invalid(f"Invalid format for routes: {list(routes)}, {why}", reason="InvalidRoutes")
