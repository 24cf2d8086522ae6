"""Ports on backends, with the MAC and the addresses that we chose; the backend's Nova binds them to their server."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from vregion.drivers.contract import Gone, Observed, Transient
from vregion.model.resource import Kind, Resource
from vregion.reconcile.networks import policy_of
from vregion.reconcile.outcome import Outcome, Retry, accept
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import dns_names, ports, realizations, router_seats, routers, subnets
from vregion.region.qos_policies import POLICY_ID

_OPEN: dict[str, Any] = {"security_groups": [], "port_security_enabled": False, "allowed_address_pairs": []}
_LOOSE = "vregion: not on its router yet"  # the name of a port that is made for a router and says so
ROUTES_GO = 0.2  # seconds between looks, at rows only
_PLAIN = ("admin_state_up", "port_security_enabled", "allowed_address_pairs", "extra_dhcp_opts", "binding:vnic_type")


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body."""
    spec = resource.spec
    wanted = {name: value for name, value in update(resource, references).items() if name != POLICY_ID or value}
    return {
        "network_id": references[Kind.NETWORK, spec["network_id"]],
        "mac_address": spec["mac_address"],
        **wanted,
    }


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What may change later. Automatic addresses are not named: the backend makes the same ones from the MAC, and takes
    a named one for a second wish for it (neutron 29 `ipam_pluggable_backend.py` _allocate_ips_for_port).

    Nothing guards a router's interface, be it a port that the tenant made with groups: Neutron trusts it, and refuses
    groups with it (29.0.0 `plugins/ml2/plugin.py` _portsec_ext_port_create_processing).
    """
    spec = resource.spec
    return {
        "name": resource.name,
        "fixed_ips": [
            {"subnet_id": references[Kind.SUBNET, ip["subnet_id"]], "ip_address": ip["ip_address"]}
            for ip in spec["fixed_ips"]
            if ip["subnet_id"] not in spec["automatic_subnets"]
        ],
        "security_groups": [references[Kind.SECURITY_GROUP, i] for i in spec["security_groups"]],
        POLICY_ID: policy_of(resource, references),
        **{name: spec[name] for name in _PLAIN},
        **dns_names.sent(resource),
        **(_OPEN if spec.get("router_id") else {}),
    }


async def here(work: Work, port: Resource) -> Resource:
    """A router's interface has a MAC and addresses of its own in each zone that its network spans; what no name service
    there resolves has no name there.
    """
    seat = router_seats.of(port).get(work.realization.backend_id) or {}
    spec = port.spec | seat
    if dns_names.CAPABILITY not in work.capabilities:
        spec.pop("dns_name", None)
    return replace(port, spec=spec)


async def make(work: Work, port: Resource, wanted: dict[str, Any]) -> Observed:
    """Where others' addresses follow from their MAC a router's interface says what it is from the start: it alone may
    choose one there, and has none that it did not choose (neutron 29 `ipam_pluggable_backend.py`
    _test_fixed_ips_for_port, _allocate_ips_for_port). Then it must name its router, too: with OVN Neutron fails on one
    that does not (500; `plugins/ml2/drivers/ovn/mech_driver/mech_driver.py` _is_ovn_router_flavor_port).
    """
    if router_id := port.spec.get("router_id"):
        async with work.region.read() as tx:
            beside = await subnets.of_network(tx, port.spec["network_id"])
        if any(subnets.automatic(subnet) for subnet in beside):
            router = work.references[Kind.ROUTER, router_id]
            wanted = {**wanted, "name": _LOOSE, "device_owner": routers.INTERFACE, "device_id": router}
    return await work.collection.create(port.id, wanted)


async def attach(work: Work, observed: Observed) -> Observed:
    """A router's interface is put on its router. One that names it already, and is not on it, is not taken (409)."""
    port = work.resource
    assert port is not None
    if observed.document.get("name") == _LOOSE:
        free = {"name": port.name, "device_owner": "", "device_id": ""}
        observed = await work.collection.update(observed.external_id, free)
    router_id = port.spec.get("router_id")
    if router_id is None or observed.document.get("device_id"):
        return observed
    async with work.region.read() as tx:
        router = await realizations.on_backend(tx, Kind.ROUTER, router_id, work.realization.backend_id)
    if router is None or router.external_id is None:
        raise Transient("the router is not there yet")
    body = {"port_id": observed.external_id}
    accept(await work.driver.call(Kind.ROUTER, router.external_id, "PUT", "/add_router_interface", body))
    on_it = {"device_id": router.external_id, "device_owner": routers.INTERFACE}
    return replace(observed, document={**observed.document, **on_it})


async def loosen(work: Work, external_id: str) -> Outcome | None:
    """A router's interface is taken off its router, which ends it; off one that goes, too, once that has no routes."""
    router_id = work.resource.spec.get("router_id") if work.resource else None
    if router_id is None:
        return None
    async with work.region.read() as tx:
        router = await realizations.on_backend(tx, Kind.ROUTER, router_id, work.realization.backend_id)
    if router is None or router.external_id is None:
        return None
    if not router.wanted and not router.observed.get(routers.LOOSE):
        return Retry(ROUTES_GO, "its router goes, and has routes yet")
    body = {"port_id": external_id}
    with suppress(Gone):
        answer = await work.driver.call(Kind.ROUTER, router.external_id, "PUT", "/remove_router_interface", body)
        if answer.status != 404:
            accept(answer)
        else:  # it may name its router all the same, which holds it (neutron ServicePortInUse)
            await work.collection.update(external_id, {"device_owner": "", "device_id": ""})
    return None


RECIPE = Recipe(
    kind=Kind.PORT,
    body=body,
    update=update,
    here=here,
    make=make,
    fill=attach,
    loosen=loosen,
    settled=ports.settled,
    stopped=ports.stopped,
    lost=ports.lost,
    vanished=ports.vanished,
    arrives=ports.arrives,
    leaves=ports.leaves,
)
