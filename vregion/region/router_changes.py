"""What a tenant does with routers, interfaces aside: create, update, delete, gateway, extra routes.

Called by the API; `saw_gateway` by the reconciler. The checks and their words are Neutron's (29.0.0
`neutron/db/l3_db.py`, `extraroute_db.py`). No address of a gateway is chosen here: each zone gives its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from vregion.ipam import prefixes
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import (
    addresses,
    associations,
    networks,
    ports,
    qos_policies,
    realizations,
    resources,
    routers,
    subnets,
    transits,
    usages,
)
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

Route = dict[str, str]


async def create(
    tx: Transaction, caller: Caller, wanted: dict[str, Any], zones: Mapping[str, str], now: datetime
) -> Resource:
    """A new router, in no zone yet. `zones` maps the region's availability zones to their backends."""
    for hint in wanted["availability_zone_hints"]:
        if hint not in zones:
            raise NotFound(f"AvailabilityZone {hint} could not be found.", reason="AvailabilityZoneNotFound")
    gateway = wanted.pop("external_gateway_info", None)
    spec = {**wanted, "gateway_network_id": None, "gateways": {}, "zones": {}, "routes": []}
    router = standard.fresh(Kind.ROUTER, caller, spec, now)
    await standard.reserve(tx, router.project_id, "router")
    router = await standard.insert(tx, router, routers.document)
    return await _set_gateway(tx, caller, router, gateway, now) if gateway else router


async def update(
    tx: Transaction, caller: Caller, router_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change a router; where it is, its zones follow."""
    router = await routers.hold(tx, caller, router_id)
    standard.check_revision(router, revision)
    if "routes" in wanted:
        await _check_routes(tx, router, wanted["routes"])
    if "external_gateway_info" in wanted:
        router = await _set_gateway(tx, caller, router, wanted.pop("external_gateway_info"), now)
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
    router = await _set_gateway(tx, caller, router, None, now)
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


async def saw_gateway(
    tx: Transaction, router_id: str, backend_id: str, ips: Sequence[Mapping[str, str]], now: datetime
) -> None:
    """A zone's router has these addresses outside, under the backend's subnet ids: router and port show them.

    With the first one floating IPs can lead through it.
    """
    await resources.lock(tx, Kind.ROUTER, router_id)
    router = await resources.find(tx, Kind.ROUTER, router_id)
    if router is None or router.deleting:
        return
    known = await realizations.by_external_ids(tx, backend_id, Kind.SUBNET, [ip["subnet_id"] for ip in ips])
    ours = [{"subnet_id": known[ip["subnet_id"]].resource_id, "ip_address": ip["ip_address"]}
            for ip in ips if ip["subnet_id"] in known]  # fmt: skip
    gateways = {b: there for b, there in router.spec["gateways"].items() if b != backend_id}
    gateways |= {backend_id: ours} if ours else {}
    if ours and backend_id not in router.spec["gateways"]:
        await associations.look(tx, await associations.through(tx, router_id), now)
    router = await standard.note(tx, router, routers.document, spec={"gateways": gateways})
    await _show_port(tx, router)


async def _show_port(tx: Transaction, router: Resource) -> None:
    if port := await routers.gateway_port(tx, router.id):
        ips = [ip for backend_id in sorted(router.spec["gateways"]) for ip in router.spec["gateways"][backend_id]]
        await standard.note(tx, port, ports.document, spec={"fixed_ips": ips}, status="ACTIVE" if ips else "DOWN")


async def _set_gateway(
    tx: Transaction, caller: Caller, router: Resource, wanted: dict[str, Any] | None, now: datetime
) -> Resource:
    """Another external network, the same one, or none."""
    network_id = wanted["network_id"] if wanted else None
    network = await _external(tx, caller, network_id) if network_id else None
    router = await _set_policy(tx, caller, router, wanted, now)
    if network_id == router.spec["gateway_network_id"]:
        return router
    if router.spec["gateway_network_id"]:
        await _close_gateway(tx, router, now)
    if network is not None:
        await _check_free(tx, router, network)
        await _open_gateway(tx, caller, router, network, now)
    spec: dict[str, Any] = {"gateway_network_id": network_id, "gateways": {}}
    return await standard.revise(tx, router, routers.document, now, spec=spec)


async def _set_policy(
    tx: Transaction, caller: Caller, router: Resource, wanted: dict[str, Any] | None, now: datetime
) -> Resource:
    """The gateway's QoS policy; who does not speak of it keeps it, and without a gateway there is none."""
    before = router.spec.get("qos_policy_id")
    policy_id = wanted.get("qos_policy_id", before) if wanted else None
    if policy_id == before:
        return router
    await qos_policies.choose(tx, caller, policy_id)
    router = await standard.revise(tx, router, routers.document, now, spec={"qos_policy_id": policy_id})
    await realizations.forget_needs(tx, Kind.ROUTER, router.id)
    await realizations.need(tx, router, qos_policies.needed(router))
    await qos_policies.follow(tx, router, before, now)
    return router


async def _external(tx: Transaction, caller: Caller, network_id: str) -> Resource:
    network = await networks.get(tx, caller, network_id)
    if not network.spec["router:external"]:
        raise bad(f"Network {network_id} is not an external network")
    return network


async def _close_gateway(tx: Transaction, router: Resource, now: datetime) -> None:
    used = (Filter("spec.router_id", router.id), Filter("deleting", False))
    if await resources.count(tx, Query(Kind.FLOATING_IP, filters=used)):
        raise Conflict(
            f"Gateway cannot be updated for router {router.id}, since a gateway to external network "
            f"{router.spec['gateway_network_id']} is required by one or more floating IPs.",
            reason="RouterExternalGatewayInUseByFloatingIp",
        )
    if port := await routers.gateway_port(tx, router.id):
        await addresses.release_mac(tx, port.id)
        await resources.remove(tx, Kind.PORT, port.id)


async def _open_gateway(tx: Transaction, caller: Caller, router: Resource, network: Resource, now: datetime) -> None:
    """The port that stands for the gateways: it belongs to no project, so that tenants do not see it."""
    spec: dict[str, Any] = {
        **ports.DEFAULTS, "network_id": network.id, "network_project_id": network.project_id, "made_by_server": False,
        "server_id": None, "port_security_enabled": False, "security_groups": [], "fixed_ips": [], "status": "DOWN",
        "automatic_subnets": [], "device_id": router.id, "device_owner": routers.GATEWAY, "router_id": router.id,
        "mac_address": "", "project_id": "",
    }  # fmt: skip
    port = standard.fresh(Kind.PORT, caller, spec, now, parent_id=router.id)
    port.spec["mac_address"] = await addresses.allocate_mac(tx, network.id, port.id)
    await standard.insert(tx, port, ports.document)


async def _check_free(tx: Transaction, router: Resource, network: Resource) -> None:
    """What the router routes must not be the outside's own prefixes."""
    outside = await subnets.of_network(tx, network.id)
    for inside in await attached_subnets(tx, await routers.interfaces(tx, router.id)):
        for subnet in outside:
            check_overlap(inside, subnet)


async def _check_routes(tx: Transaction, router: Resource, routes: Sequence[Route]) -> None:
    """The next hop is on an attached subnet and is not the router itself; there is a limit to their number."""
    attached = await routers.interfaces(tx, router.id)
    if gateway := await routers.gateway_port(tx, router.id):
        attached.append(gateway)
    cidrs = [prefixes.prefix(subnet.spec["cidr"]) for subnet in await attached_subnets(tx, attached)]
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


async def attached_subnets(tx: Transaction, attached: Sequence[Resource]) -> list[Resource]:
    """The subnets of these ports' addresses."""
    ids = [ip["subnet_id"] for port in attached for ip in port.spec["fixed_ips"]]
    return list((await resources.find_many(tx, Kind.SUBNET, ids)).values())


def check_overlap(there: Resource, new: Resource) -> None:
    """Raises Invalid when a router could not tell the two apart."""
    one, other = prefixes.prefix(there.spec["cidr"]), prefixes.prefix(new.spec["cidr"])
    if one.version == other.version and one.overlaps(other):
        raise bad(f"Cidr {other} of subnet {new.id} overlaps with cidr {one} of subnet {there.id}")


def bad(message: str) -> Invalid:
    """Neutron's BadRequest about a router."""
    return Invalid(f"Bad router request: {message}.", reason="BadRequest")


def _bad_routes(routes: Sequence[Route], why: str) -> Invalid:
    return Invalid(f"Invalid format for routes: {list(routes)}, {why}", reason="InvalidRoutes")
