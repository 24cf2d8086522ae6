"""Transit networks: how a router that is in several zones hands what belongs to another zone to its instance there.

A transit network is a network that spans zones like a tenant's own, with nothing on it but routers; it belongs to no
project, so that tenants do not see it. A router is on one per interconnect that it needs while a zone of it lacks a
prefix that another one has; all routers of the region meet on one.
What is made for that is slow to make, and stays for the next one while its zones have other networks of the region's:
the transit network when the last router goes; a router's instance in a zone, with its port on that network, when its
last interface there goes; and when the tenant deletes the router it is a *spare*: hidden, without interfaces
and routes, in the same zones, for the next router that comes into one of them.
Settled by the router recipe, which knows how zones are joined; pruned by what a tenant does with routers.
A router's surroundings are read once in a pass, and again only when that pass changed them. Who holds a router may lock
a transit network, never the other way round.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from vregion.ipam import pools, prefixes, transit
from vregion.ipam.prefixes import Prefix
from vregion.model.caller import Caller
from vregion.model.interconnect import Interconnect
from vregion.model.resource import Kind, Resource, State
from vregion.region import (
    addresses,
    external_networks,
    leases,
    networks,
    ports,
    qos_policies,
    realizations,
    resources,
    router_seats,
    routers,
    subnets,
    usages,
)
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

IPV6_RANGE = ip_network("fd76:7265:6769::/48")  # "vregi": a site's private space (RFC 4193)
_TRANSITS = "transits"
_NOBODY = Caller("", "", "", "", frozenset(), "")
Attached = Mapping[str, set[Prefix]]


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a router. By port: the row, the prefixes that it is on, and its state on each backend that shall
    have it. A port is an interface, or on a transit network.
    """

    ports: Mapping[str, Resource]
    prefixes: Mapping[str, set[Prefix]]
    places: Mapping[str, Mapping[str, State]]

    def attached(self, backends: Iterable[str]) -> Attached:
        """What each backend's instance is on by its interfaces."""
        found: dict[str, set[Prefix]] = {backend_id: set() for backend_id in backends}
        for port_id, places in self.places.items():
            if self.ports[port_id].spec["device_owner"] == routers.INTERFACE:
                for backend_id in places:
                    found.setdefault(backend_id, set()).update(self.prefixes[port_id])
        return found

    def by_state(self, backend_id: str, *states: State) -> list[str]:
        """The ports in one of these states on a backend."""
        return [port_id for port_id, places in self.places.items() if places.get(backend_id) in states]


async def look_around(tx: Transaction, router: Resource) -> Around:
    """In three queries."""
    ports_of = {port.id: port for port in await routers.doors(tx, router.id)}
    places = await realizations.states(tx, Kind.PORT, ports_of)
    ids = {ip["subnet_id"] for port in ports_of.values() for ip in port.spec["fixed_ips"]}
    on = {i: prefixes.prefix(one.spec["cidr"]) for i, one in (await resources.find_many(tx, Kind.SUBNET, ids)).items()}
    found = {port.id: {on[ip["subnet_id"]] for ip in port.spec["fixed_ips"]} for port in ports_of.values()}
    return Around(ports_of, found, places)


async def settle(
    tx: Transaction, router_id: str, joined: Sequence[Interconnect], now: datetime
) -> tuple[Resource, Around] | None:
    """The router's zones are joined as far as these interconnects reach; the router and what is around it then, None
    when it has ended.

    There is one transit network over each interconnect that is needed for that. One that stands in the way (a tenant's
    prefix meets it, its interconnect is gone, it failed) makes room for another one.
    """
    await resources.lock(tx, Kind.ROUTER, router_id)
    router = await resources.find(tx, Kind.ROUTER, router_id)
    if router is None or (router.deleting and not of(router)):
        return None
    around = await look_around(tx, router)
    router = await _leave_idle(tx, router, around, joined, now)
    attached = around.attached(router.spec["zones"])
    needed = len({frozenset(found) for found in attached.values()}) > 1 or not any(attached.values())
    used = [known["interconnect"] for known in of(router)]
    names, groups = transit.ways(router.spec["zones"], {one.name: one.members for one in joined}, used)
    over = [one for name in names for one in joined if one.name == name] if needed else []
    router = await standard.note(tx, router, routers.document, spec={"apart": _apart(router, groups, needed=needed)})
    before, taken = of(router), _taken(router, around)
    for known in before:
        network = await resources.get(tx, Kind.NETWORK, known["network_id"])
        fits = network.status != "ERROR" and not _clash(around.prefixes[known["port_id"]], taken)
        if not fits or not any(one.name == known["interconnect"] for one in over):
            router = await _part(tx, router, known, now)
    for one in over:
        if not any(known["interconnect"] == one.name for known in of(router)):
            router = await _meet(tx, router, one, taken, now)
    moved = of(router) != before
    if moved:
        await tidy(tx, now, [one.name for one in joined])
    for known in of(router):
        there = next(one for one in over if one.name == known["interconnect"])
        moved = await _stretch(tx, router, known, there, around.places.get(known["port_id"], {}), now) or moved
    return router, await look_around(tx, router) if moved else around


def of(router: Resource) -> list[dict[str, str]]:
    """Its transit networks: [{"interconnect", "network_id", "port_id"}]."""
    return list(router.spec.get("transits") or ())


async def _leave_idle(
    tx: Transaction, router: Resource, around: Around, joined: Sequence[Interconnect], now: datetime
) -> Resource:
    """It leaves a zone where it has no interface, unless another one may bring it to use there again: while the region
    has networks there, and a way leads there. Its ports on transit networks follow. A spare needs two such zones.
    """
    zones = router.spec["zones"]
    idle = {backend_id for backend_id, found in around.attached(zones).items() if not found}
    if not idle:
        return router
    used = {known["interconnect"] for known in of(router)}
    reached = set().union(*(one.members for one in joined if one.name in used))
    left = idle - (reached & await _peopled(tx))
    if router.deleting and len(zones) - len(left) < 2:
        left = set(zones)
    for backend_id in left:
        await realizations.unwant(tx, Kind.ROUTER, router.id, now, backend_id)
    staying = {backend_id: zone for backend_id, zone in zones.items() if backend_id not in left}
    return await standard.note(tx, router, routers.document, spec={"zones": staying})


async def keep(tx: Transaction, router: Resource, now: datetime) -> bool:
    """Whether a router that the tenant deletes stays as a spare: it is on a transit network, and no other one stays."""
    if not of(router) or await _spares(tx):
        return False
    spec = {**router.spec, "admin_state_up": True, "scheduled": None, "routes": []}
    await resources.change(tx, router, deleting=True, generation=router.generation + 1, spec=spec)
    await realizations.changed(tx, Kind.ROUTER, router.id, now)
    return True


async def inherit(tx: Transaction, router_id: str, backend_id: str, now: datetime) -> None:
    """A router that comes into its first zone gets what a spare has there and elsewhere, if nobody is at work on it.

    In the backends the mark of the first one stays. The caller locks the router.
    """
    router = await resources.get(tx, Kind.ROUTER, router_id)
    if router.spec["zones"]:
        return
    for spare in await _spares(tx):
        await resources.lock(tx, Kind.ROUTER, spare.id)
        current = await resources.find(tx, Kind.ROUTER, spare.id)
        if current is None or backend_id not in current.spec["zones"] or not await _pass_on(tx, current, router, now):
            continue
        for known in of(current):
            port = await resources.get(tx, Kind.PORT, known["port_id"])
            spec = {"device_id": router.id, "router_id": router.id}
            port = await standard.note(tx, port, ports.document, parent_id=router.id, spec=spec)
            await realizations.forget_needs(tx, Kind.PORT, port.id)
            await _need(tx, port)
        zones, there = current.spec["zones"], of(current)
        router = await standard.note(tx, router, routers.document, spec={"zones": zones, "transits": there})
        for zone in zones:
            await qos_policies.enter(tx, router, zone, now)
        return


async def _pass_on(tx: Transaction, spare: Resource, router: Resource, now: datetime) -> bool:
    """The spare's places are the router's, and its row goes; False while one works on it or its interfaces go."""
    for realization in await realizations.of_resource(tx, Kind.ROUTER, spare.id):
        if await realizations.leaving_user(tx, realization):
            return False
    if not await leases.pass_on(tx, Kind.ROUTER, spare.id, router.id, now):
        return False
    await realizations.forget_needs(tx, Kind.ROUTER, spare.id)
    await resources.remove(tx, Kind.ROUTER, spare.id)
    return True


async def _spares(tx: Transaction) -> list[Resource]:
    """Routers that are deleted and keep their places."""
    ending = await resources.list_resources(tx, Query(Kind.ROUTER, filters=(Filter("deleting", True),)))
    return [router for router in ending if of(router)]


async def _peopled(tx: Transaction) -> set[str]:
    """The zones with networks of the region's other than transit networks."""
    return await realizations.peopled(tx, Kind.NETWORK, ("", external_networks.owner(tx.region_id)))


async def prune(tx: Transaction, router: Resource, now: datetime, *, ends: bool = False) -> Resource:
    """The router has fewer zones, or ends: one zone alone needs no way to another."""
    if of(router) and (ends or len(router.spec["zones"]) < 2):
        for known in of(router):
            router = await _part(tx, router, known, now)
        await tidy(tx, now)
    return router


async def tidy(tx: Transaction, now: datetime, joined: Collection[str] | None = None) -> None:
    """Transit networks leave the zones that have no other network of the region's, after the routers that wait there.

    One without routers ends when fewer than two zones are left to it, when it failed, when another one is over the same
    interconnect, or when that is none of those `joined` (None: not known).
    """
    found = await _every(tx)
    peopled = await _peopled(tx) if found else ()
    over = [network.spec["interconnect"] for network in found]
    for network in found:
        await resources.lock(tx, Kind.NETWORK, network.id)
        current = await resources.find(tx, Kind.NETWORK, network.id)
        if current is None or current.deleting:
            continue
        network = current
        for backend_id in (network.spec["backends"] or {}).keys() - peopled:
            network = await networks.draw_back(tx, network, backend_id, None, now)
            if joined is None and backend_id in (network.spec["backends"] or {}):
                await realizations.look_at_all(tx, Kind.ROUTER, now, backend_id)
        name = network.spec["interconnect"]
        idle = not await addresses.ports_of_network(tx, network.id)
        stays = len(network.spec["backends"] or ()) > 1 and network.status != "ERROR" and over.count(name) == 1
        if idle and not (stays and (joined is None or name in joined)):
            over.remove(name)
            await _end(tx, network, now)


def routes(router: Resource, around: Around, backend_id: str) -> list[dict[str, str]]:
    """One for each prefix that is elsewhere, as soon as a transit network that leads there is attached here."""
    links = {
        known["port_id"]: {
            b: [ip["ip_address"] for ip in seat["fixed_ips"]]
            for b, seat in router_seats.of(around.ports[known["port_id"]]).items()
            if b in router.spec["zones"]
        }
        for known in of(router)
    }
    here = [links[port_id] for port_id in around.by_state(backend_id, State.READY) if port_id in links]
    return transit.routes(backend_id, around.attached(router.spec["zones"]), list(links.values()), here)


def _apart(router: Resource, groups: Sequence[set[str]], *, needed: bool) -> str | None:
    """Why not all of the router's zones reach each other, in words."""
    near = groups[0] if groups and len(groups[0]) > 1 else set()
    lost = sorted(zone for b, zone in router.spec["zones"].items() if b not in near)
    return f"no interconnect joins {', '.join(lost)} with the router's other zones" if needed and lost else None


def _taken(router: Resource, around: Around) -> set[Prefix]:
    """What a transit network of the router's must not meet."""
    return {prefix for found in around.attached(()).values() for prefix in found} | _routed(router)


def _clash(own: Iterable[Prefix], taken: Collection[Prefix]) -> bool:
    """Whether a transit network with these prefixes stands in the way of what is taken."""
    return any(one.version == other.version and one.overlaps(other) for one in own for other in taken)


async def _open(tx: Transaction, network: Resource, taken: Collection[Prefix], seats: int) -> bool:
    """Whether a router that needs that many seats can come onto that transit network."""
    own = [prefixes.prefix(subnet.spec["cidr"]) for subnet in await subnets.of_network(tx, network.id)]
    there = await resources.find_many(tx, Kind.PORT, await addresses.ports_of_network(tx, network.id))
    room = sum(len(router_seats.of(port)) for port in there.values()) + seats <= transit.ROOM
    return room and network.status != "ERROR" and not _clash(own, taken)


async def _every(tx: Transaction, *also: Filter) -> list[Resource]:
    """The region's transit networks, oldest first."""
    mine = (Filter("deleting", False), *also)
    return await resources.list_resources(tx, Query(Kind.NETWORK, "", mine, sort=(("created_at", True),)))


def _routed(router: Resource) -> set[Prefix]:
    """Where the tenant's own routes lead, the way to everywhere else aside."""
    found = {prefixes.prefix(route["destination"]) for route in router.spec["routes"]}
    return {prefix for prefix in found if prefix.prefixlen}


async def _meet(
    tx: Transaction, router: Resource, over: Interconnect, taken: Collection[Prefix], now: datetime
) -> Resource:
    """The router gets a port on the transit network over an interconnect, which is made when there is none; the router.

    It may be on no backend yet. Of two routers that need one at once the second finds the first one's.
    """
    await usages.hold(tx, "", _TRANSITS)
    for network in await _every(tx, Filter("spec.interconnect", over.name)):
        await resources.lock(tx, Kind.NETWORK, network.id)
        there = await resources.find(tx, Kind.NETWORK, network.id)
        if there and not there.deleting and await _open(tx, there, taken, len(router.spec["zones"])):
            break
    else:
        there = await _make(tx, over, taken, now)
    if there is None:
        words = f"interconnect {over.name} has no transit prefix that none of the tenant's meets"
        return await standard.note(tx, router, routers.document, spec={"apart": words})
    port = await _port(tx, router, there, await subnets.of_network(tx, there.id), now)
    known = {"interconnect": over.name, "network_id": there.id, "port_id": port.id}
    return await standard.note(tx, router, routers.document, spec={"transits": [*of(router), known]})


async def _make(tx: Transaction, over: Interconnect, taken: Collection[Prefix], now: datetime) -> Resource | None:
    """A transit network in no zone yet, with prefixes that none of the tenant's meets; None when there are none left.

    Those of transit networks that are on their way out count: they may still be on the router somewhere.
    """
    every = await resources.list_resources(tx, Query(Kind.SUBNET))
    used = {prefixes.prefix(s.spec["cidr"]) for s in every} | set(taken)
    chosen = [transit.choose(within, used) for within in (ip_network(over.transit_prefix), IPV6_RANGE)]
    on = [prefix for prefix in chosen if prefix]
    if len(on) < len(chosen):
        return None
    spec: dict[str, Any] = {
        "name": f"transit over {over.name}", "project_id": "", "admin_state_up": True, "mtu": over.mtu, "shared": False,
        "mtu_is_chosen": True, "router:external": False, "port_security_enabled": False, "availability_zone_hints": [],
        "subnets": [], "interconnect": over.name, **networks.spread({}),
    }  # fmt: skip
    network = await standard.insert(tx, standard.fresh(Kind.NETWORK, _NOBODY, spec, now), networks.document)
    for prefix in on:
        await _subnet(tx, network, prefix, now)
    return network


async def _subnet(tx: Transaction, network: Resource, prefix: Prefix, now: datetime) -> None:
    spec: dict[str, Any] = {
        "project_id": "", "network_id": network.id, "ip_version": prefix.version, "cidr": str(prefix),
        "allocation_pools": [pool.wire() for pool in pools.default_pools(prefix, None)], "gateway_ip": None,
        "ipv6_ra_mode": None, "ipv6_address_mode": None, "dns_nameservers": [], "host_routes": [],
        "enable_dhcp": False, "shared": False, "router:external": False,
    }  # fmt: skip
    subnet = standard.fresh(Kind.SUBNET, _NOBODY, spec, now, parent_id=network.id)
    subnet = await standard.insert(tx, subnet, subnets.document)
    await realizations.need(tx, subnet, [(Kind.NETWORK, network.id)])
    await networks.list_subnet(tx, await resources.get(tx, Kind.NETWORK, network.id), subnet.id)


async def _port(
    tx: Transaction, router: Resource, network: Resource, on: Sequence[Resource], now: datetime
) -> Resource:
    """The router's interface there: one row, with a seat in each zone."""
    spec: dict[str, Any] = {
        **ports.DEFAULTS, "project_id": "", "network_id": network.id, "network_project_id": "", "device_id": router.id,
        "device_owner": routers.TRANSIT, "router_id": router.id, "port_security_enabled": False, "security_groups": [],
        "status": "ACTIVE", "made_by_server": False, "server_id": None, "automatic_subnets": [], "mac_address": "",
    }  # fmt: skip
    port = standard.fresh(Kind.PORT, _NOBODY, spec, now, parent_id=router.id)
    port.spec["mac_address"] = await addresses.allocate_mac(tx, network.id, port.id)
    port.spec["fixed_ips"] = [
        {"subnet_id": subnet.id, "ip_address": await addresses.allocate(tx, subnet, port.id)} for subnet in on
    ]
    port = await standard.insert(tx, port, ports.document)
    await _need(tx, port)
    return port


async def _need(tx: Transaction, port: Resource) -> None:
    """What the port needs in a zone: its network, its subnets, its router."""
    on = [(Kind.SUBNET, ip["subnet_id"]) for ip in port.spec["fixed_ips"]]
    of_all = [(Kind.NETWORK, port.spec["network_id"]), *on, (Kind.ROUTER, port.spec["router_id"])]
    await realizations.need(tx, port, of_all)


async def _stretch(
    tx: Transaction,
    router: Resource,
    known: Mapping[str, str],
    over: Interconnect,
    there: Collection[str],
    now: datetime,
) -> bool:
    """The transit network is in each of the router's zones that its interconnect reaches, and in no other.

    `there`: where it is wanted so far. True when that changes.
    """
    members, before = set(router.spec["zones"]) & set(over.members), set(there)
    if members == before:
        return False
    await resources.lock(tx, Kind.NETWORK, known["network_id"])
    port = await resources.get(tx, Kind.PORT, known["port_id"])
    for backend_id in sorted(members - before):
        network = await resources.get(tx, Kind.NETWORK, known["network_id"])
        await networks.spread_to(tx, network, backend_id, router.spec["zones"][backend_id])
        port = await ports.want(tx, port, backend_id, now)
    for backend_id in before - members:
        await realizations.unwant(tx, Kind.PORT, port.id, now, backend_id)
    await realizations.look(tx, (Kind.ROUTER, router.id), now)
    return True


async def _part(tx: Transaction, router: Resource, known: Mapping[str, str], now: datetime) -> Resource:
    """The router's port on a transit network ends; each zone lets go of it in its own time, after the routes."""
    port = await resources.get(tx, Kind.PORT, known["port_id"])
    await resources.lock(tx, Kind.NETWORK, known["network_id"])
    await addresses.release(tx, port.id)
    await addresses.release_mac(tx, port.id)
    await resources.change(tx, port, parent_id=None)
    await standard.end(tx, port, now, ports.vanished)
    await realizations.look(tx, (Kind.ROUTER, router.id), now)
    left = [one for one in of(router) if one != known]
    return await standard.note(tx, router, routers.document, spec={"transits": left})


async def _end(tx: Transaction, network: Resource, now: datetime) -> None:
    """A transit network ends, and its subnets with it."""
    for subnet in await subnets.of_network(tx, network.id):
        await addresses.release_subnet(tx, subnet.id)
        await standard.end(tx, subnet, now, subnets.vanished)
    await networks.end(tx, await resources.get(tx, Kind.NETWORK, network.id), now)
