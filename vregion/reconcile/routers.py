"""Routers on backends: the router first, then in each pass its way to other zones, its gateway there, and the routes.

The routes of ours that a backend was told are kept in the realization before the call, so that others' stay. An
interface is a port (`ports`); a route is put when the interface that its next hop needs is attached. A new router is
down until the interfaces that it shall have are on it: Neutron's agent builds it once then, and not once for each.
Where it waits without interfaces (`transits`) it has no gateway.

Which of its gateways beside the first are ours the realization keeps, by our ports: addresses, or None from before the
call that asks for one until its answer, with those of others that were there before. So what a killed pass asked for is
found again, and others' stay.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from vregion.drivers.contract import Gone, Observed
from vregion.drivers.interconnects import KINDS
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.networks import policy_of
from vregion.reconcile.outcome import accept
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import leases, realizations, router_gateways, routers, transits
from vregion.region.qos_policies import POLICY_ID
from vregion.region.regions import Transaction
from vregion.region.transits import Around

Route = dict[str, str]
Ips = list[dict[str, str]]
Gateway = dict[str, Any]  # network_id, external_fixed_ips
Told = Mapping[str, Sequence[str] | None]  # port -> addresses
GATEWAYS = "gateways"  # in `observed` of a realization: those beside the first
_OTHERS = ""  # ... in place of a port
_INFO, _ALL = "external_gateway_info", "external_gateways"
ROUTED = 3  # the layer of interconnects that join routers
BACKSTOP = timedelta(seconds=5)
GATHERS_FOR = timedelta(seconds=10)  # so long after its creation it waits for interfaces at most


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body."""
    return {"name": resource.name, "admin_state_up": False}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What an update can change later."""
    return {"name": resource.name, "admin_state_up": routers.carries(resource)}


async def complete(work: Work, observed: Observed) -> Observed:
    """Gateway and routes as they shall be on this backend.

    A router whose name and state are right is not updated: its interfaces and routes are what changed. Neutron's agent
    would build it once more for each update, and the interface that is to be added would wait for that.
    """
    assert work.resource is not None
    backend_id = work.realization.backend_id
    joined = [one for one in (await work.joins.interconnects()).values() if ROUTED in KINDS[one.kind].layers]
    async with work.region.write() as tx:
        settled = await transits.settle(tx, work.resource.id, joined, work.now())
        if settled is None:
            return observed
        router, around = settled
        outside = await _outside(tx, router, backend_id) if around.attached([backend_id])[backend_id] else None
        own, waits = _own_routes(router, around, backend_id)
        gathers = _gathers(work, observed, around)
        if gathers:
            observed_so_far = {**work.realization.observed, routers.GATHERS: True}
            work.realization = await leases.save(tx, work.realization, observed=observed_so_far)
        if waits or gathers:  # the interface rings when it has come, unless its pass has not seen the route yet
            await realizations.look_by(tx, work.realization, work.now() + BACKSTOP)
    policy = policy_of(router, work.references)
    observed, more = await _set_gateways(work, router, observed, outside, policy)
    if not gathers:
        observed = await _set_routes(work, observed, own + transits.routes(router, around, backend_id))
    ips = (observed.document["external_gateway_info"] or {}).get("external_fixed_ips", [])
    if ips or more or backend_id in router.spec["gateways"]:
        async with work.region.write() as tx:
            await router_gateways.saw(tx, router.id, backend_id, ips, more, work.now())
    if all(observed.document.get(name) == value for name, value in update(work.resource, {}).items()):
        work.realization = replace(work.realization, generation=work.resource.generation)
    return observed


async def _outside(tx: Transaction, router: Resource, backend_id: str) -> str | None:
    """The backend's own external network; None where there is none, or none is wanted."""
    network_id = router.spec["gateway_network_id"]
    found = await realizations.on_backend(tx, Kind.NETWORK, network_id, backend_id) if network_id else None
    return found.external_id if found else None


def _own_routes(router: Resource, around: Around, backend_id: str) -> tuple[list[Route], bool]:
    """The tenant's routes whose next hop is on a subnet that is attached there; and whether more of them will be."""
    ready, coming = (
        [cidr for port_id in around.by_state(backend_id, *states) for cidr in around.prefixes[port_id]]
        for states in ((State.READY,), realizations.ON_ITS_WAY)
    )
    hops = [(route, ip_address(route["nexthop"])) for route in router.spec["routes"]]
    own = [route for route, hop in hops if any(hop in cidr for cidr in ready)]
    return own, any(hop in cidr for _, hop in hops for cidr in coming)


async def _set_gateways(
    work: Work, router: Resource, observed: Observed, outside: str | None, policy: str | None
) -> tuple[Observed, dict[str, Ips]]:
    """All as they shall be, on the backend's network `outside`; None: no gateway. Further ones by their ports."""
    wanted = list(router.spec.get("more_gateways", {})) if outside and _ALL in observed.document else []
    ours = _find(work.realization.observed.get(GATEWAYS, {}), observed)
    if surplus := [gateway for name, gateway in ours.items() if name not in wanted]:
        observed = await _call(work, observed, "/remove_external_gateways", surplus)
    observed = await _set_first(work, observed, outside, policy)
    ours = {name: gateway for name, gateway in ours.items() if name in wanted}
    if missing := [name for name in wanted if name not in ours]:
        others = [ip for one in _further(observed) if one not in ours.values() for ip in _addresses(one)]
        asked = {name: _addresses(one) for name, one in ours.items()} | dict.fromkeys(missing) | {_OTHERS: others}
        await _keep(work, asked)
        observed = await _call(work, observed, "/add_external_gateways", [{"network_id": outside}] * len(missing))
        ours = _find(asked, observed)
    told = {name: _addresses(one) for name, one in ours.items()}
    if told != work.realization.observed.get(GATEWAYS, {}):
        await _keep(work, told)
    return observed, {name: one["external_fixed_ips"] for name, one in ours.items()}


async def _keep(work: Work, told: Told) -> None:
    await work.save(observed={**work.realization.observed, GATEWAYS: told})


async def _set_first(work: Work, observed: Observed, outside: str | None, policy: str | None) -> Observed:
    there = _first(observed)
    named = there.get(POLICY_ID) if outside else policy
    if (there.get("network_id"), named) == (outside, policy):
        return observed
    wanted: dict[str, str | None] | None = {"network_id": outside} if outside else None
    if wanted and named != policy:
        wanted[POLICY_ID] = policy
    return await work.collection.update(observed.external_id, {_INFO: wanted})


async def _call(work: Work, observed: Observed, path: str, gateways: Sequence[Gateway]) -> Observed:
    body = {"router": {_ALL: gateways}}
    answer = await work.driver.call(Kind.ROUTER, observed.external_id, "PUT", path, body)
    accept(answer)
    return replace(observed, document={**observed.document, **(answer.body or {})["router"]})


def _find(told: Told, observed: Observed) -> dict[str, Gateway]:
    """Which of those that are there are ours: by their addresses; those that were asked for are the new ones."""
    others = set(told.get(_OTHERS) or ())
    left = [one for one in _further(observed) if others.isdisjoint(_addresses(one))]
    found = {}
    for name, known in sorted(told.items(), key=lambda item: item[1] is None):
        its = next((one for one in left if known is None or set(known) & set(_addresses(one))), None)
        if its is not None:
            found[name] = its
            left.remove(its)
    return found


def _further(observed: Observed) -> list[Gateway]:
    first = _addresses(_first(observed))
    return [one for one in observed.document.get(_ALL, ()) if _addresses(one) != first]


def _first(observed: Observed) -> dict[str, Any]:
    return observed.document[_INFO] or {}


def _addresses(gateway: Gateway) -> list[str]:
    return sorted(ip["ip_address"] for ip in gateway.get("external_fixed_ips", ()))


def _gathers(work: Work, observed: Observed, around: Around) -> bool:
    """Whether it stays down for now: it is new, and has interfaces on their way."""
    assert work.resource is not None
    asked = work.realization.asked_at
    young = asked is not None and work.now() < asked + GATHERS_FOR
    down = routers.carries(work.resource) and not observed.document["admin_state_up"]
    return bool(young and down and around.by_state(work.realization.backend_id, *realizations.ON_ITS_WAY))


async def _set_routes(work: Work, observed: Observed, wanted: Sequence[Route]) -> Observed:
    """What is wrong goes before what is missing comes; a router that was gathering is up then, with all in one call."""
    assert work.resource is not None
    up = routers.carries(work.resource) and not observed.document["admin_state_up"]
    told: list[Route] = work.realization.observed.get("routes", [])
    if up and not told and not observed.document["routes"]:
        await _save(work, wanted)
        return await _tell(work, observed, {"admin_state_up": True, "routes": list(wanted)})
    there = observed.document["routes"]
    surplus = [route for route in told if route not in wanted and route in there]
    missing = [route for route in wanted if route not in there]
    if surplus or missing or told != list(wanted):
        journal = [*wanted, *surplus]
        await _save(work, journal)
    for path, routes in (("/remove_extraroutes", surplus), ("/add_extraroutes", missing)):
        if routes:
            sent = {"router": {"routes": routes}}
            accept(await work.driver.call(Kind.ROUTER, observed.external_id, "PUT", path, sent))
    if surplus:
        await _save(work, wanted)
    return await _tell(work, observed, {"admin_state_up": True}) if up else observed


async def _save(work: Work, routes: Sequence[Route], *, loose: bool = False) -> None:
    """What of the router there is ours: routes, and the gateways as they were."""
    gateways = {name: told for name, told in work.realization.observed.items() if name == GATEWAYS}
    loosened = {routers.LOOSE: True} if loose else {}
    await work.save(observed={**gateways, "routes": list(routes), **loosened})


async def _tell(work: Work, observed: Observed, wanted: dict[str, Any]) -> Observed:
    """Without another look, which an update takes: one costs Neutron 40 ms of CPU and more (on the lab; 29.0.0
    `db/l3_db.py` get_router), and this pass has just had one.
    """
    accept(await work.driver.call(Kind.ROUTER, observed.external_id, "PUT", "", {"router": wanted}))
    return replace(observed, document={**observed.document, **wanted})


async def loosen(work: Work, external_id: str) -> None:
    """Its routes go, for no interface that a route needs comes off (neutron RouterInterfaceInUseByRoute); it is down,
    so that Neutron's agent takes it apart once, and not once for each interface. The interfaces wait for that.
    """
    if not work.realization.observed.get(routers.LOOSE):
        still = {"router": {"admin_state_up": False, "routes": []}}
        with suppress(Gone):
            accept(await work.driver.call(Kind.ROUTER, external_id, "PUT", "", still))
        await _save(work, [], loose=True)


RECIPE = Recipe(
    kind=Kind.ROUTER,
    body=body,
    update=update,
    fill=complete,
    settled=routers.settled,
    stopped=routers.stopped,
    lost=routers.lost,
    vanished=routers.vanished,
    leaves=routers.leaves,
    loosen=loosen,
    recreate=True,
    outlasts=True,
)
