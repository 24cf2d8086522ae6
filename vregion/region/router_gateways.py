"""A router's gateways: the first one, which `external_gateway_info` tells of, and further ones on the same network.

Called by the API; `saw` by the reconciler. No address is chosen here: each zone gives its own. A gateway is in every
zone where the router is; several are refused where a zone's routers have one at most. The rules are Neutron's (29.0.0
`neutron/db/l3_db.py`, `l3_extra_gws_db.py`), but for the first one, which goes last: a router whose first gateway was
taken away from under others takes no further ones in Neutron (500 UnableToAddExtraGateways, seen).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict
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
)
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

MOST = 16  # gateways of one router; Neutron has no limit but its addresses
_FIRST = ""  # stands for the first one's port


async def choose(
    tx: Transaction, caller: Caller, router: Resource, wanted: dict[str, Any] | None, now: datetime
) -> Resource:
    """The first gateway is on another external network, on the same one, or there is none."""
    network_id = wanted["network_id"] if wanted else None
    network = await _external(tx, caller, network_id) if network_id else None
    router = await _set_policy(tx, caller, router, wanted, now)
    if network_id == router.spec["gateway_network_id"]:
        return router
    if router.spec["gateway_network_id"]:
        if _further(router):
            raise _first_goes_last(router)
        await _require_unused(tx, router)
        await _discard(tx, await routers.gateway_ports(tx, router.id))
    if network is not None:
        await _check_free(tx, router, network)
        await _open(tx, caller, router, network, now)
    spec: dict[str, Any] = {"gateway_network_id": network_id, "gateways": {}}
    return await standard.revise(tx, router, routers.document, now, spec=spec)


async def close(tx: Transaction, caller: Caller, router: Resource, now: datetime) -> Resource:
    """All of them go."""
    await _require_unused(tx, router)
    return await choose(tx, caller, await _take(tx, router, _further(router), now), None, now)


async def add(
    tx: Transaction,
    caller: Caller,
    router_id: str,
    wanted: Sequence[dict[str, Any]],
    bindings: Sequence[Binding],
    now: datetime,
) -> Resource:
    """These beside those that are there; what names no network is none. `bindings` are all zones of the region."""
    router = await routers.hold(tx, caller, router_id)
    outside = await _all_external(tx, caller, wanted)
    given = [one for one in wanted if one["network_id"]]
    if given and not router.spec["gateway_network_id"]:
        router = await choose(tx, caller, router, given.pop(0), now)
    if not given:
        return router
    more = dict(router.spec.get("more_gateways", {}))
    if len(more) + len(given) >= MOST:
        raise Conflict(f"Router {router_id} cannot have more than {MOST} gateways.", reason="UnableToAddExtraGateways")
    for one in given:
        more[(await _open(tx, caller, router, outside[one["network_id"]], now)).id] = {}
    router = await standard.revise(tx, router, routers.document, now, spec={"more_gateways": more})
    await routers.require_gateways(tx, router_id, bindings)
    if bindings and all(routers.lacks_gateways(binding) for binding in bindings):
        words = f"Router {router_id} cannot have several gateways in any availability zone."
        raise Conflict(words, reason="ExternalGatewaysNotInAvailabilityZone")
    return router


async def remove(
    tx: Transaction, caller: Caller, router_id: str, wanted: Sequence[dict[str, Any]], now: datetime
) -> Resource:
    """Those that have one of the addresses that are told; the only one needs to tell none."""
    router = await routers.hold(tx, caller, router_id)
    if wanted and not router.spec["gateway_network_id"]:
        words = f"Unable to remove extra gateways from a router {router_id}"
        raise Conflict(words, reason="UnableToRemoveGateways")
    await _all_external(tx, caller, wanted)
    if not all(one["network_id"] for one in wanted):
        raise _unmatched(router)
    going = {_matched(router, one.get("external_fixed_ips")) for one in wanted}
    if going == {_FIRST, *_further(router)}:
        return await close(tx, caller, router, now)
    if _FIRST in going:
        raise _first_goes_last(router)
    return await _take(tx, router, going, now)


async def replace(
    tx: Transaction, caller: Caller, router_id: str, wanted: Sequence[dict[str, Any]], now: datetime
) -> Resource:
    """All of them go, or there is one: two of one network are one to Neutron's update, one of several is unclear."""
    router = await routers.hold(tx, caller, router_id)
    if not wanted:
        return await close(tx, caller, router, now)
    await _all_external(tx, caller, wanted)
    if _further(router):
        raise _unmatched(router)
    return await choose(tx, caller, router, wanted[0], now)


async def saw(
    tx: Transaction,
    router_id: str,
    backend_id: str,
    first: Sequence[Mapping[str, str]],
    more: Mapping[str, Sequence[Mapping[str, str]]],
    now: datetime,
) -> None:
    """A zone's router has these addresses outside, under the backend's subnet ids: router and ports show them.

    `more` are those of the further gateways, by their ports. With the first one floating IPs can lead through it.
    """
    await resources.lock(tx, Kind.ROUTER, router_id)
    router = await resources.find(tx, Kind.ROUTER, router_id)
    if router is None or router.deleting:
        return
    named = list({ip["subnet_id"] for ips in (first, *more.values()) for ip in ips})
    known = await realizations.by_external_ids(tx, backend_id, Kind.SUBNET, named)
    ours = {
        port_id: [{"subnet_id": known[ip["subnet_id"]].resource_id, "ip_address": ip["ip_address"]}
                  for ip in ips if ip["subnet_id"] in known]
        for port_id, ips in {**more, _FIRST: first}.items()
    }  # fmt: skip
    if ours[_FIRST] and backend_id not in router.spec["gateways"]:
        await associations.look(tx, await associations.through(tx, router_id), now)
    further = router.spec.get("more_gateways", {})
    spec = {
        "gateways": _with(router.spec["gateways"], backend_id, ours[_FIRST]),
        "more_gateways": {name: _with(there, backend_id, ours.get(name)) for name, there in further.items()},
    }
    await _show_ports(tx, await standard.note(tx, router, routers.document, spec=spec))


def _with(gateway: routers.Gateway, backend_id: str, ips: list[dict[str, str]] | None) -> dict[str, Any]:
    others = {b: there for b, there in gateway.items() if b != backend_id}
    return others | {backend_id: ips} if ips else others


async def _show_ports(tx: Transaction, router: Resource) -> None:
    further = router.spec["more_gateways"]
    for port in await routers.gateway_ports(tx, router.id):
        ips = routers.everywhere(further.get(port.id, router.spec["gateways"]))
        await standard.note(tx, port, ports.document, spec={"fixed_ips": ips}, status="ACTIVE" if ips else "DOWN")


def _further(router: Resource) -> list[str]:
    return list(router.spec.get("more_gateways", {}))


def _matched(router: Resource, ips: Sequence[Mapping[str, Any]] | None) -> str:
    """Which gateway is meant: one of its addresses, in whatever zone, tells."""
    asked = {ip.get("ip_address") for ip in ips or ()}
    gateways: dict[str, routers.Gateway] = {_FIRST: router.spec["gateways"], **router.spec.get("more_gateways", {})}
    if not asked and len(gateways) == 1:
        return _FIRST
    for name, zones in gateways.items():
        if asked & {ip["ip_address"] for ip in routers.everywhere(zones)}:
            return name
    raise _unmatched(router)


def _unmatched(router: Resource) -> Conflict:
    words = f"Unable to match a requested gateway port to existing gateway ports for router {router.id}"
    return Conflict(words, reason="UnableToMatchGateways")


def _first_goes_last(router: Resource) -> Conflict:
    words = f"Gateway cannot be removed from router {router.id}: it is the first of several, which goes last."
    return Conflict(words, reason="UnableToRemoveGateways")


async def _take(tx: Transaction, router: Resource, going: Collection[str], now: datetime) -> Resource:
    """Further ones go."""
    if not going:
        return router
    await _discard(tx, [port for port in await routers.gateway_ports(tx, router.id) if port.id in going])
    more = {name: zones for name, zones in router.spec["more_gateways"].items() if name not in going}
    return await standard.revise(tx, router, routers.document, now, spec={"more_gateways": more})


async def _discard(tx: Transaction, gone: Iterable[Resource]) -> None:
    for port in gone:
        await addresses.release_mac(tx, port.id)
        await resources.remove(tx, Kind.PORT, port.id)


async def _require_unused(tx: Transaction, router: Resource) -> None:
    """No floating IP needs them."""
    used = (Filter("spec.router_id", router.id), Filter("deleting", False))
    if await resources.count(tx, Query(Kind.FLOATING_IP, filters=used)):
        raise Conflict(
            f"Gateway cannot be updated for router {router.id}, since a gateway to external network "
            f"{router.spec['gateway_network_id']} is required by one or more floating IPs.",
            reason="RouterExternalGatewayInUseByFloatingIp",
        )


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


async def _all_external(tx: Transaction, caller: Caller, wanted: Iterable[dict[str, Any]]) -> dict[str, Resource]:
    """The networks that are named, each looked at once; there is one at most that does."""
    names = dict.fromkeys(one["network_id"] for one in wanted if one["network_id"])
    return {name: await _external(tx, caller, name) for name in names}


async def _external(tx: Transaction, caller: Caller, network_id: str) -> Resource:
    network = await networks.get(tx, caller, network_id)
    if not network.spec["router:external"]:
        raise routers.bad(f"Network {network_id} is not an external network")
    return network


async def _open(tx: Transaction, caller: Caller, router: Resource, network: Resource, now: datetime) -> Resource:
    """The port that stands for a gateway: it belongs to no project, so that tenants do not see it."""
    spec: dict[str, Any] = {
        **ports.DEFAULTS, "network_id": network.id, "network_project_id": network.project_id, "made_by_server": False,
        "server_id": None, "port_security_enabled": False, "security_groups": [], "fixed_ips": [], "status": "DOWN",
        "automatic_subnets": [], "device_id": router.id, "device_owner": routers.GATEWAY, "router_id": router.id,
        "mac_address": "", "project_id": "",
    }  # fmt: skip
    port = standard.fresh(Kind.PORT, caller, spec, now, parent_id=router.id)
    port.spec["mac_address"] = await addresses.allocate_mac(tx, network.id, port.id)
    return await standard.insert(tx, port, ports.document)


async def _check_free(tx: Transaction, router: Resource, network: Resource) -> None:
    """What the router routes must not be the outside's own prefixes."""
    outside = await subnets.of_network(tx, network.id)
    for inside in await routers.attached_subnets(tx, await routers.interfaces(tx, router.id)):
        for subnet in outside:
            routers.check_overlap(inside, subnet)
