"""Routers: rows, and where they are. A router is realized in each zone that has one of its networks.

Called by ports (whose network may bring a router into a zone), by the router recipe, and by `router_changes`,
`router_interfaces` and `agents`, which hold what a tenant can do. `spec` has beside the tenant's words `zones`
(backend -> name), `gateways` (backend -> the addresses that the zone gave to the router's gateway there),
`more_gateways` (the port of each further one -> the like of it), `scheduled` (whether the administrator put it on the
agent or took it off, else None), and what the file `transits` keeps: `transits` ([{"interconnect", "network_id",
"port_id"}]) and `apart` (why some of its zones cannot reach each other, or None).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from vregion.ipam import prefixes
from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Realization, Resource
from vregion.region import qos_policies, realizations, resources
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

INTERFACE, GATEWAY, TRANSIT = "network:router_interface", "network:router_gateway", "network:router_transit"
GATHERS = "gathers"  # in `observed` of a realization: the router is new there, and down until its interfaces are on it
MORE_COME = timedelta(seconds=1)  # ... and is looked at that long after one of them came, if others are on their way
SEVERAL = "network.external-gateway-multihoming"  # the capability of a zone whose routers can have several gateways
LOOSE = "loose"  # ... and here: it goes, is down and has no routes, so that its interfaces come off


Gateway = Mapping[str, Sequence[dict[str, str]]]  # backend -> its addresses there


def document(router: Resource) -> dict[str, Any]:
    """What a show answers."""
    spec = router.spec
    return {
        "id": router.id,
        "name": router.name,
        **standard.owned(router),
        "admin_state_up": spec["admin_state_up"],
        "status": router.status,
        "external_gateway_info": _gateway(spec),
        "external_gateways": _gateways(spec),
        "availability_zones": sorted(spec["zones"].values()) if is_hosted(router) else [],
        "availability_zone_hints": spec["availability_zone_hints"],
        "routes": spec["routes"],
        "flavor_id": None,
        **standard.tail(router),
    }


def _gateway(spec: dict[str, Any]) -> dict[str, Any] | None:
    """The addresses are those of all zones; none before the router is in one."""
    if not spec["gateway_network_id"]:
        return None
    policy = {"qos_policy_id": spec["qos_policy_id"]} if spec.get("qos_policy_id") else {}
    return {**_gateways(spec)[0], "enable_snat": True, **policy}


def _gateways(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The one that `external_gateway_info` tells of, too, comes first."""
    network_id, more = spec["gateway_network_id"], spec.get("more_gateways", {}).values()
    found = [everywhere(zones) for zones in (spec["gateways"], *more)] if network_id else []
    return [{"network_id": network_id, "external_fixed_ips": ips} for ips in found]


def everywhere(zones: Gateway) -> list[dict[str, str]]:
    """A gateway's addresses in all zones."""
    return [ip for backend_id in sorted(zones) for ip in zones[backend_id]]


def is_hosted(router: Resource) -> bool:
    """Whether it is on the region's L3 agent (`agents`): by itself in its first zone, or as the administrator said."""
    scheduled = router.spec.get("scheduled")
    return bool(router.spec["zones"]) if scheduled is None else bool(scheduled)


def carries(router: Resource) -> bool:
    """Whether it shall carry packets where it is."""
    return bool(router.spec["admin_state_up"]) and router.spec.get("scheduled") is not False


async def get(tx: Transaction, caller: Caller, router_id: str) -> Resource:
    """A router of the caller's project. Raises NotFound."""
    router = await resources.find(tx, Kind.ROUTER, router_id)
    if router is None or router.deleting or not (caller.is_admin or router.project_id == caller.project_id):
        raise NotFound(f"Router {router_id} could not be found", reason="RouterNotFound")
    return router


async def hold(tx: Transaction, caller: Caller, router_id: str) -> Resource:
    """The router, to be changed: two changes of one router happen one after the other. Raises NotFound."""
    await resources.lock(tx, Kind.ROUTER, router_id)
    return await get(tx, caller, router_id)


async def interfaces(tx: Transaction, router_id: str) -> list[Resource]:
    """The ports by which a router is on its networks, oldest first."""
    return [p for p in await _ports(tx, router_id) if p.spec["device_owner"] == INTERFACE]


async def gateway_ports(tx: Transaction, router_id: str) -> list[Resource]:
    """The ports that stand for its gateways; admins see them."""
    mine = (Filter("parent_id", router_id), Filter("deleting", False), Filter("spec.device_owner", GATEWAY))
    return await resources.list_resources(tx, Query(Kind.PORT, filters=mine))


async def doors(tx: Transaction, router_id: str) -> list[Resource]:
    """Its interfaces and its ports on transit networks."""
    return [port for port in await _ports(tx, router_id) if port.spec["device_owner"] != GATEWAY]


async def _ports(tx: Transaction, router_id: str) -> list[Resource]:
    found = await resources.children(tx, Kind.PORT, router_id)
    return [port for port in found if port.spec.get("router_id") == router_id and not port.deleting]


async def enter(tx: Transaction, router_id: str, backend_id: str, zone: str | None, now: datetime) -> None:
    """One of its networks is in that zone, and its interface was wanted there: the router is wanted there too.

    Where it is already its other zones shall know what leads there now. It has nothing to do for it itself, but for a
    gateway, which it has not where it only waits: with its first interface there.
    """
    await resources.lock(tx, Kind.ROUTER, router_id)
    router = await resources.get(tx, Kind.ROUTER, router_id)
    if backend_id in router.spec["zones"]:
        comes = router.spec["gateway_network_id"] and await _only_now(tx, router_id, backend_id)
        await realizations.look(tx, (Kind.ROUTER, router_id), now, but=None if comes else backend_id)
        return
    zones = router.spec["zones"] | {backend_id: zone or ""}
    await standard.note(tx, router, document, spec={"zones": zones})
    await qos_policies.enter(tx, router, backend_id, now)
    await realizations.revive(tx, [(Kind.ROUTER, router_id)], backend_id, now)
    await realizations.look(tx, (Kind.ROUTER, router_id), now)


async def _only_now(tx: Transaction, router_id: str, backend_id: str) -> bool:
    """Whether the interface that is wanted there now is its only one there. What its rows say of its gateway there may
    be about to change: a pass that saw it without interfaces may be taking that away at this moment.
    """
    places = await realizations.places(tx, Kind.PORT, [port.id for port in await interfaces(tx, router_id)])
    return sum(backend_id in there for there in places.values()) < 2


async def has_door(tx: Transaction, router_id: str, port: Resource, backend_id: str, now: datetime) -> None:
    """One of its ports is in place there: a router that gathers them may be whole now, and routes by way of it can be
    put, which only a transit or the tenant has.

    A router that gathers and has more of them on their way is looked at a second later at most: of two that come at
    the same moment neither sees the other one there.
    """
    router = await resources.find(tx, Kind.ROUTER, router_id)
    there = await realizations.on_backend(tx, Kind.ROUTER, router_id, backend_id)
    if router is None or there is None:
        return
    if there.observed.get(GATHERS):
        places = await realizations.states(tx, Kind.PORT, [door.id for door in await doors(tx, router_id)])
        more = any(states.get(backend_id) in realizations.ON_ITS_WAY for states in places.values())
        await realizations.look_by(tx, there, now + MORE_COME if more else now)
    elif port.spec["device_owner"] == TRANSIT or router.spec["routes"]:
        await realizations.look_by(tx, there, now)


async def leave(tx: Transaction, router: Resource, now: datetime) -> Resource:
    """An interface has gone: where the router has none left and no way to other zones, it goes too."""
    kept = await realizations.backends_of(tx, Kind.PORT, [port.id for port in await doors(tx, router.id)])
    for backend_id in set(router.spec["zones"]) - kept:
        await realizations.unwant(tx, Kind.ROUTER, router.id, now, backend_id)
    zones = {b: zone for b, zone in router.spec["zones"].items() if b in kept}
    gateways = {b: ips for b, ips in router.spec["gateways"].items() if b in kept}
    more = {
        port_id: {b: ips for b, ips in there.items() if b in kept}
        for port_id, there in router.spec.get("more_gateways", {}).items()
    }
    await realizations.look(tx, (Kind.ROUTER, router.id), now)
    spec = {"zones": zones, "gateways": gateways, "more_gateways": more}
    return await standard.note(tx, router, document, spec=spec)


async def require_gateways(tx: Transaction, router_id: str, bindings: Iterable[Binding]) -> None:
    """Whether each of these zones where the router is can give it all of its gateways. Raises Conflict."""
    router = await resources.get(tx, Kind.ROUTER, router_id)
    there = [b for b in bindings if b.backend_id in router.spec["zones"] and lacks_gateways(b)]
    if there and router.spec.get("more_gateways"):
        zone = there[0].availability_zone
        words = f"Router {router_id} has several gateways, and availability zone {zone} has one for each router."
        raise Conflict(words, reason="ExternalGatewaysNotInAvailabilityZone")


async def some_have_several(tx: Transaction, plugged: Iterable[Resource]) -> bool:
    """Whether a router on these networks, or on those of these ports, has several gateways."""
    ids = [one.spec["network_id"] if one.kind is Kind.PORT else one.id for one in plugged]
    on = await resources.find_many(tx, Kind.NETWORK, ids)
    found = await resources.find_many(
        tx, Kind.PORT, (d for one in on.values() for d in one.spec.get("router_ports", ()))
    )
    those = await resources.find_many(tx, Kind.ROUTER, (door.spec["router_id"] for door in found.values()))
    return any(router.spec.get("more_gateways") for router in those.values())


def lacks_gateways(binding: Binding) -> bool:
    """Whether routers have one gateway at most in the zone, as far as its backend's last check told."""
    return bool(binding.capabilities) and SEVERAL not in binding.capabilities


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


async def leave_alone(tx: Transaction, network: Resource, backend_id: str, now: datetime) -> None:
    """Nothing but routers is left of a network in a zone: they are not on it there any more. The caller locks it."""
    doors = network.spec.get("router_ports", ())
    but = [(Kind.PORT, door) for door in doors]
    if not doors or await realizations.needed_on(tx, (Kind.NETWORK, network.id), backend_id, but):
        return
    for port in (await resources.find_many(tx, Kind.PORT, doors)).values():
        await realizations.unwant(tx, Kind.PORT, port.id, now, backend_id)
        await resources.lock(tx, Kind.ROUTER, port.spec["router_id"])
        await leave(tx, await resources.get(tx, Kind.ROUTER, port.spec["router_id"]), now)


async def leaves(tx: Transaction, router: Resource, realization: Realization, now: datetime) -> None:
    """A backend has let go of it."""
    await resources.lock(tx, Kind.ROUTER, router.id)
    await qos_policies.leave(tx, router.spec.get("qos_policy_id"), realization.backend_id, now)


async def settled(tx: Transaction, router: Resource, observed: Observed) -> None:
    """A zone has it: the tenant sees the state that was seen last."""
    await resources.lock(tx, Kind.ROUTER, router.id)
    router = await resources.get(tx, Kind.ROUTER, router.id)
    await standard.note(tx, router, document, status=observed.document.get("status", "ACTIVE"))


async def stopped(tx: Transaction, router: Resource, reason: str) -> None:
    """A backend refused it; Neutron has no field for the words."""
    await standard.note(tx, router, document, status="ERROR")


async def lost(tx: Transaction, router: Resource) -> None:
    """It holds nothing of the tenant's: it is made again."""


async def vanished(tx: Transaction, router: Resource) -> None:
    """Its quota was given back when the tenant deleted it."""
