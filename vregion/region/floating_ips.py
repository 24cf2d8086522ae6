"""Floating IPs: made in the zone of their port, with the address that this zone gives.

Called by the API and by the floating IP recipe. The row is written first; the address comes with the zone's answer,
for which the API waits (docs/adr/0011-floating-ips-wait.md). The checks and their words are Neutron's (29.0.0
`neutron/db/l3_db.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region import (
    associations,
    external_networks,
    networks,
    ports,
    qos_policies,
    realizations,
    resources,
    routers,
    servers,
    usages,
)
from vregion.region import standard_attributes as standard
from vregion.region.associations import document as document
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query


async def get(tx: Transaction, caller: Caller, ip_id: str) -> Resource:
    """A floating IP of the caller's project. Raises NotFound."""
    ip = await resources.find(tx, Kind.FLOATING_IP, ip_id)
    if ip is None or ip.deleting or not (caller.is_admin or ip.project_id == caller.project_id):
        raise NotFound(f"Floating IP {ip_id} could not be found", reason="FloatingIPNotFound")
    return ip


async def hold(tx: Transaction, caller: Caller, ip_id: str) -> Resource:
    """The floating IP, to be changed. Raises NotFound."""
    await resources.lock(tx, Kind.FLOATING_IP, ip_id)
    return await get(tx, caller, ip_id)


async def create(
    tx: Transaction, caller: Caller, wanted: dict[str, Any], zones: Sequence[Binding], now: datetime
) -> Resource:
    """A new one, whose address is not known yet. `zones`: the region's."""
    network = await networks.get(tx, caller, wanted["floating_network_id"])
    if not network.spec["router:external"]:
        raise _bad(f"Network {network.id} is not a valid external network")
    zone = await _zone(tx, caller, network, wanted, zones)
    backend_id = next((b.backend_id for b in zones if b.state == "enabled" and b.availability_zone == zone), None)
    if backend_id is None:
        raise Conflict(f"Availability zone {zone} takes nothing new.", reason="AvailabilityZoneNotAvailable")
    subnet = await external_networks.subnet_of_zone(tx, network, backend_id, zone)
    spec = {
        "floating_network_id": network.id, "floating_subnet_id": wanted.get("subnet_id") or subnet.id,
        "floating_ip_address": None, "port_forwardings": None, "forwards": False, **associations.FREE,
        "description": wanted["description"], "status": "DOWN", "project_id": wanted["project_id"],
        "qos_policy_id": wanted.get("qos_policy_id"),
    }  # fmt: skip
    columns = {"availability_zone": zone, "backend_id": backend_id}
    ip = standard.fresh(Kind.FLOATING_IP, caller, spec, now, **columns)
    await standard.reserve(tx, ip.project_id, "floatingip")
    await qos_policies.choose(tx, caller, ip.spec["qos_policy_id"])
    found = await _association(tx, caller, ip, wanted, zones)
    ip = replace(ip, spec={**ip.spec, **found}, parent_id=found["port_id"])
    ip = await standard.insert(tx, ip, document)
    await associations.need(tx, ip)
    await realizations.want(tx, Kind.FLOATING_IP, ip.id, backend_id, now)
    return ip


async def update(
    tx: Transaction,
    caller: Caller,
    ip_id: str,
    wanted: dict[str, Any],
    zones: Sequence[Binding],
    revision: int | None,
    now: datetime,
) -> Resource:
    """Associate, disassociate, describe. Without a port in the body the port stays, and is looked at all the same.

    `zones`: the region's; to disassociate needs none.
    """
    ip = await hold(tx, caller, ip_id)
    standard.check_revision(ip, revision)
    spec = {"description": wanted["description"]} if "description" in wanted else {}
    asked = wanted if "port_id" in wanted else {**wanted, "port_id": ip.spec["port_id"]}
    if asked["port_id"] and ip.spec["port_forwardings"]:
        message = f"Floating IP {ip_id} in use by Port Forwarding resources."
        raise Conflict(message, reason="FipInUseByPortForwarding")
    if asked["port_id"] or "port_id" in wanted or "fixed_ip_address" in wanted:
        found = await _association(tx, caller, ip, asked, zones)
        spec |= {k: v for k, v in found.items() if not (ip.spec["port_forwardings"] and "router" in k)}
    policy_id = ip.spec.get("qos_policy_id")
    if "qos_policy_id" in wanted:
        await qos_policies.choose(tx, caller, wanted["qos_policy_id"], policy_id)
        spec["qos_policy_id"] = wanted["qos_policy_id"]
    if not spec:
        return ip
    columns = {"parent_id": spec["port_id"]} if "port_id" in spec else {}
    before = ip.spec["port_id"]
    ip = await standard.revise(tx, ip, document, now, spec=spec, **columns)
    await associations.need(tx, ip)
    await qos_policies.follow(tx, ip, policy_id, now)
    await _show_on(tx, [before, ip.spec["port_id"]])
    return ip


async def delete(tx: Transaction, caller: Caller, ip_id: str, revision: int | None, now: datetime) -> Resource:
    """Give it back to its zone."""
    ip = await hold(tx, caller, ip_id)
    standard.check_revision(ip, revision)
    if ip.spec["port_forwardings"]:
        message = f"Floating IP {ip_id} in use by Port Forwarding resources."
        raise Conflict(message, reason="FipInUseByPortForwarding")
    await usages.release(tx, ip.project_id, {"floatingip": 1})
    await standard.end(tx, ip, now, vanished)
    await _show_on(tx, [ip.spec["port_id"]])
    return ip


async def leaves(tx: Transaction, ip: Resource, realization: Realization, now: datetime) -> None:
    """Its zone has let go of it."""
    await qos_policies.leave(tx, ip.spec.get("qos_policy_id"), realization.backend_id, now)


async def leads_to(tx: Transaction, ip: Resource, port_id: str, address: str) -> str | None:
    """The backend's id of a port, once everything is there that lets the outside in to that address of it."""
    port = await resources.find(tx, Kind.PORT, port_id)
    if port is None or ip.spec["router_id"] is None:
        return None
    router = await resources.find(tx, Kind.ROUTER, ip.spec["router_id"])
    backend_id = str(ip.backend_id)
    if router is None or backend_id not in router.spec["gateways"]:
        return None
    subnet = next((one["subnet_id"] for one in port.spec["fixed_ips"] if one["ip_address"] == address), None)
    for interface in await routers.interfaces(tx, router.id):
        if any(one["subnet_id"] == subnet for one in interface.spec["fixed_ips"]):
            door = await realizations.on_backend(tx, Kind.PORT, interface.id, backend_id)
            there = await realizations.on_backend(tx, Kind.PORT, port.id, backend_id)
            if door and door.state is State.READY and there and there.state is State.READY:
                return there.external_id
    return None


async def chosen_router(tx: Transaction, ip: Resource) -> str | None:
    """The backend's id of the router that the tenant chose, which the backend would not; None: it chooses the same."""
    if not ip.spec.get("router_is_chosen"):
        return None
    there = await realizations.on_backend(tx, Kind.ROUTER, ip.spec["router_id"], str(ip.backend_id))
    return there.external_id if there is not None else None


async def is_carried(tx: Transaction, ip: Resource) -> bool:
    """Whether the router that it leads through shall carry packets."""
    router = await resources.find(tx, Kind.ROUTER, ip.spec["router_id"]) if ip.spec["router_id"] else None
    return router is not None and routers.carries(router)


async def is_coming(tx: Transaction, ip: Resource, port_id: str | None) -> bool:
    """Whether the port is, or shall be, in the floating IP's zone."""
    if port_id is None:
        return False
    there = await realizations.on_backend(tx, Kind.PORT, port_id, str(ip.backend_id))
    return there is not None and there.wanted


async def find_router(tx: Transaction, network: Resource, port: Resource, subnet_id: str) -> str:
    """The router that joins a port's subnet with the outside: best the one that is the subnet's gateway."""
    return (await _find_routers(tx, network, port, subnet_id))[0]


async def _find_routers(tx: Transaction, network: Resource, port: Resource, subnet_id: str) -> list[str]:
    """All that do, the best first. Raises NotFound without any."""
    subnet = await resources.get(tx, Kind.SUBNET, subnet_id)
    on = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
    doors = (await resources.find_many(tx, Kind.PORT, on.spec.get("router_ports", ()))).values()
    joined = await resources.find_many(tx, Kind.ROUTER, [door.spec["router_id"] for door in doors])
    found: list[tuple[bool, str]] = []
    for door in doors:
        router = joined.get(door.spec["router_id"])
        for ip in door.spec["fixed_ips"]:
            if ip["subnet_id"] == subnet_id and router and router.spec["gateway_network_id"] == network.id:
                found.append((ip["ip_address"] != subnet.spec["gateway_ip"], router.id))
    if not found:
        raise NotFound(
            f"External network {network.id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate "
            f"Port {port.id} with a Floating IP.",
            reason="ExternalGatewayForFloatingIPNotFound",
        )
    return [router_id for _, router_id in sorted(found)]


async def _router(
    tx: Transaction, caller: Caller, network: Resource, port: Resource, subnet_id: str, wanted: str | None
) -> tuple[str, bool]:
    """Through which router, and whether it is another one than a zone would choose by itself.

    The wanted one must lead outside, and be on the port's subnet, too: it is in a zone by its networks only.
    """
    if not wanted:
        return await find_router(tx, network, port, subnet_id), False
    router = await routers.get(tx, caller, wanted)
    if router.spec["gateway_network_id"] != network.id:
        # Neutron's own words: it raises the fault without any (29.0.0 _validate_requested_floatingip_router).
        raise Conflict("An unknown exception occurred.", reason="Conflict")
    found = await _find_routers(tx, network, port, subnet_id)
    if wanted not in found:
        message = f"Router {wanted} is not on subnet {subnet_id} of port {port.id}."
        raise Conflict(message, reason="FloatingIPRouterNotOnSubnet")
    return wanted, wanted != found[0]


async def _show_on(tx: Transaction, port_ids: Iterable[str | None]) -> None:
    """The servers of these ports show the addresses that lead to them."""
    for port in (await resources.find_many(tx, Kind.PORT, [i for i in port_ids if i])).values():
        if port.spec["server_id"]:
            await servers.redraw(tx, port.spec["server_id"])


async def _zone(
    tx: Transaction, caller: Caller, network: Resource, wanted: Mapping[str, Any], zones: Sequence[Binding]
) -> str:
    """The zone of the port, else that of the subnet, else that of the port's network, else the default one."""
    port = await ports.get(tx, caller, wanted["port_id"]) if wanted.get("port_id") else None
    subnet = await _subnet(tx, network, wanted["subnet_id"]) if wanted.get("subnet_id") else None
    must, may = await _zones_of(tx, port) if port else (None, None)
    if port is not None and (zone := must or (None if subnet else may)):
        if subnet is not None and subnet.availability_zone != zone:
            message = (
                f"Subnet {subnet.id} is in availability zone {subnet.availability_zone}, port {port.id} in {zone}."
            )
            raise Conflict(message, reason="FloatingIPInOtherAvailabilityZone")
        return zone
    if subnet is not None:
        return str(subnet.availability_zone)
    open_ones = [zone for zone in zones if zone.state == "enabled"]
    return next((zone.availability_zone for zone in sorted(open_ones, key=lambda zone: not zone.default)), "")


async def _zones_of(tx: Transaction, port: Resource) -> tuple[str | None, str | None]:
    """Where a port is, or can only be; and where it may as well be, since its network is there and elsewhere."""
    if port.availability_zone:
        return port.availability_zone, None
    on = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
    if on.spec.get("interconnect"):
        others = await associations.leading_to(tx, port.project_id, [port.id])
        return next((ip.availability_zone for ip in others), None), on.availability_zone
    hints = on.spec["availability_zone_hints"]
    return on.availability_zone or (hints[0] if len(hints) == 1 else None), None


async def _subnet(tx: Transaction, network: Resource, subnet_id: str) -> Resource:
    subnet = await resources.find(tx, Kind.SUBNET, subnet_id)
    if subnet is None or subnet.parent_id != network.id:
        raise Invalid(
            f"Invalid input for operation: Failed to create port on network {network.id}, because fixed_ips included "
            f"invalid subnet {subnet_id}.",
            reason="InvalidInput",
        )
    return subnet


async def _association(
    tx: Transaction, caller: Caller, ip: Resource, wanted: Mapping[str, Any], zones: Sequence[Binding]
) -> dict[str, Any]:
    """Port, fixed address and router as the wish says; an unplaced port's network must reach the IP's zone."""
    if not wanted.get("port_id"):
        if wanted.get("fixed_ip_address"):
            raise _bad("fixed_ip_address cannot be specified without a port_id")
        return dict(associations.FREE)
    port = await ports.get(tx, caller, wanted["port_id"])
    fixed = _fixed(port, ip, wanted.get("fixed_ip_address"), is_admin=caller.is_admin)
    network = await resources.get(tx, Kind.NETWORK, ip.spec["floating_network_id"])
    router_id, is_chosen = await _router(tx, caller, network, port, fixed["subnet_id"], wanted.get("router_id"))
    await associations.require_same_zone(tx, ip, port)
    if ip.spec["port_id"] != port.id:
        await _require_single(tx, ip, port, fixed["ip_address"])
    if port.backend_id is None:
        on = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
        await networks.settle_beside(tx, on, ip, zones)
    spec = {"port_id": port.id, "fixed_ip_address": fixed["ip_address"], "router_id": router_id}
    return {**spec, "router_is_chosen": is_chosen}


def _fixed(port: Resource, ip: Resource, address: str | None, *, is_admin: bool) -> dict[str, str]:
    """The fixed address that the floating one shall lead to."""
    if port.project_id != ip.project_id and not is_admin:
        words = f"Cannot process floating IP association with Port {port.id}, since that port is owned by a different"
        raise _bad(f"{words} project")
    plain = [one for one in port.spec["fixed_ips"] if ":" not in one["ip_address"]]
    if address is not None:
        if ":" in address:
            raise _bad(f"Cannot process floating IP association with {address}, since that is not an IPv4 address")
        if not (named := [one for one in plain if one["ip_address"] == address]):
            raise _bad(f"Port {port.id} does not have fixed ip {address}")
        return dict(named[0])
    if not plain:
        raise _bad(f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses")
    if len(plain) > 1:
        raise _bad(
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a "
            "floating IP"
        )
    return dict(plain[0])


async def _require_single(tx: Transaction, ip: Resource, port: Resource, fixed: str) -> None:
    """One floating IP per fixed address and outside; Raises Conflict."""
    same = (Filter("parent_id", port.id), Filter("spec.fixed_ip_address", fixed), Filter("deleting", False))
    if await resources.count(tx, Query(Kind.FLOATING_IP, filters=same)):
        raise Conflict(
            f"Cannot associate floating IP {ip.spec['floating_ip_address']} ({ip.id}) with port {port.id} using fixed "
            f"IP {fixed}, as that fixed IP already has a floating IP on external network "
            f"{ip.spec['floating_network_id']}.",
            reason="FloatingIPPortAlreadyAssociated",
        )
    if await associations.forwarding_to(tx, port.project_id, [port.id]):
        message = f"Cannot associate floating IP to port {port.id} because it already has a Port Forwarding binding."
        raise Invalid(message, reason="PortHasPortForwarding")


def _bad(message: str) -> Invalid:
    return Invalid(f"Bad floatingip request: {message}.", reason="BadRequest")


async def settled(tx: Transaction, ip: Resource, observed: Observed) -> None:
    """The zone's address and state; the row's address never changes once it is known."""
    await resources.lock(tx, Kind.FLOATING_IP, ip.id)
    ip, seen = await resources.get(tx, Kind.FLOATING_IP, ip.id), observed.document
    address = ip.spec["floating_ip_address"] or seen.get("floating_ip_address")
    status = seen.get("status", "DOWN") if ip.spec["port_id"] or ip.spec["forwards"] else "DOWN"
    ip = await standard.note(tx, ip, document, status=status, spec={"floating_ip_address": address})
    await _show_on(tx, [ip.spec["port_id"]])


async def stopped(tx: Transaction, ip: Resource, reason: str) -> None:
    """A backend refused it; Neutron has no field for the words."""
    await standard.note(tx, ip, document, status="ERROR")


async def lost(tx: Transaction, ip: Resource) -> None:
    """Its address was given back behind our back."""
    await standard.note(tx, ip, document, status="ERROR")


async def vanished(tx: Transaction, ip: Resource) -> None:
    """Its quota was given back when the tenant deleted it."""
