"""Port forwardings: ports of a floating IP, one or a range, that lead to ports of instances. They are part of its row.

Called by the API. The checks and their words are Neutron's (29.0.0 `neutron/services/portforwarding/pf_plugin.py`).
A forwarding reaches its zone with the floating IP's own realization, of which it is a part, too.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import associations, floating_ips, networks, ports, resources
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

Forwarding = dict[str, Any]


def of(ip: Resource) -> list[Forwarding]:
    """A floating IP's port forwardings."""
    return list(ip.spec["port_forwardings"] or ())


def find(ip: Resource, forwarding_id: str) -> Forwarding:
    """One of them. Raises NotFound."""
    for forwarding in of(ip):
        if forwarding["id"] == forwarding_id:
            return forwarding
    raise NotFound(f"Port Forwarding {forwarding_id} could not be found.", reason="PortForwardingNotFound")


async def create(
    tx: Transaction, caller: Caller, ip_id: str, wanted: Forwarding, zones: Sequence[Binding], now: datetime
) -> Forwarding:
    """A new one on a floating IP without a port. `zones`: the region's."""
    ip = await floating_ips.hold(tx, caller, ip_id)
    if ip.spec["port_id"]:
        raise Conflict(
            f"Cannot associate floating IP {ip.spec['floating_ip_address']} ({ip.id}) with port "
            f"{wanted['internal_port_id']} using fixed IP {wanted['internal_ip_address']}, as that fixed IP already "
            f"has a floating IP on external network {ip.spec['floating_network_id']}.",
            reason="FloatingIPPortAlreadyAssociated",
        )
    forwarding = {"id": str(uuid.uuid4()), **wanted, **_ports(wanted)}
    return await _write(tx, caller, ip, forwarding, of(ip), zones, now)


async def update(
    tx: Transaction,
    caller: Caller,
    ip_id: str,
    forwarding_id: str,
    wanted: Forwarding,
    zones: Sequence[Binding],
    now: datetime,
) -> Forwarding:
    """Another port, address, protocol or description."""
    ip = await floating_ips.hold(tx, caller, ip_id)
    forwarding = find(ip, forwarding_id) | wanted | _ports(wanted)
    others = [one for one in of(ip) if one["id"] != forwarding_id]
    return await _write(tx, caller, ip, forwarding, others, zones, now)


async def delete(tx: Transaction, caller: Caller, ip_id: str, forwarding_id: str, now: datetime) -> None:
    """One less; the floating IP lets go of its router with the last."""
    ip = await floating_ips.hold(tx, caller, ip_id)
    gone = find(ip, forwarding_id)
    await associations.forward(tx, ip, [one for one in of(ip) if one != gone], now)


async def _write(
    tx: Transaction,
    caller: Caller,
    ip: Resource,
    forwarding: Forwarding,
    others: Sequence[Forwarding],
    zones: Sequence[Binding],
    now: datetime,
) -> Forwarding:
    port = await ports.get(tx, caller, forwarding["internal_port_id"])
    _require_ports(forwarding)
    await _require_no_floating_ip(tx, port, forwarding)
    await _require_free(tx, port, forwarding, others)
    router_id = await _router(tx, ip, port, forwarding["internal_ip_address"])
    await associations.require_same_zone(tx, ip, port)
    if port.backend_id is None:
        on = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
        await networks.settle_beside(tx, on, ip, zones)
    if others and ip.spec["router_id"] != router_id:
        raise _bad(
            f"The Floating IP {ip.id} had been set on router {ip.spec['router_id']}, the internal Neutron port "
            f"{port.id} can not reach it"
        )
    await associations.forward(tx, ip, [*others, forwarding], now, router_id)
    return forwarding


async def _router(tx: Transaction, ip: Resource, port: Resource, address: str) -> str:
    plain = [one for one in port.spec["fixed_ips"] if ":" not in one["ip_address"]]
    if not plain:
        raise _bad(f"Requested internal port {port.id} must allocate an IPv4 address at least.")
    subnet_id = next((one["subnet_id"] for one in plain if one["ip_address"] == address), None)
    if subnet_id is None:
        raise _bad(
            f"Requested internal IP address {address} is not suitable for internal neutron port {port.id}, as its "
            f"fixed_ips are {plain}"
        )
    outside = await resources.get(tx, Kind.NETWORK, ip.spec["floating_network_id"])
    try:
        return await floating_ips.find_router(tx, outside, port, subnet_id)
    except NotFound as unreachable:
        raise _bad(
            f"External network {outside.id} is not reachable from subnet {subnet_id}. Cannot set Port forwarding for "
            f"port {port.id} with Floating IP {ip.id}"
        ) from unreachable


async def _require_no_floating_ip(tx: Transaction, port: Resource, forwarding: Forwarding) -> None:
    for other in (await associations.of_ports(tx, [port.id])).get(port.id, ()):
        raise Conflict(
            f"Cannot create port forwarding to floating IP {other.spec['floating_ip_address']} ({other.id}) with port "
            f"{port.id} using fixed IP {forwarding['internal_ip_address']}, as that port already has a binding "
            "floating IP.",
            reason="PortHasBindingFloatingIP",
        )


async def _require_free(tx: Transaction, port: Resource, forwarding: Forwarding, others: Sequence[Forwarding]) -> None:
    """Neither the outer port of this address nor the inner one of the port is taken."""
    query = Query(Kind.FLOATING_IP, port.project_id, (Filter("spec.forwards", True), Filter("deleting", False)))
    everywhere = [one for ip in await resources.list_resources(tx, query) for one in of(ip)]
    inner = ("protocol", "internal_port_id", "internal_ip_address")
    for known, keys, name in ((everywhere, inner, "internal_port_range"), (others, inner[:1], "external_port_range")):
        for one in known:
            same = one["id"] != forwarding["id"] and all(one[key] == forwarding[key] for key in keys)
            if same and _meet(one[name], forwarding[name]):
                ranges = f"{one[name]} and {forwarding[name]}"
                raise _bad(f"There is a port collision with the {name}. The following ranges collide: {ranges}")


def _ports(wanted: Forwarding) -> Forwarding:
    """What was given of ports, as a range each, and as one port where it is one. A port wins over a range."""
    found: Forwarding = {}
    for side in ("internal_port", "external_port"):
        given = wanted.get(side) or wanted.get(f"{side}_range")
        if given is not None:
            span = given if isinstance(given, str) else f"{given}:{given}"
            first, last = span.split(":")
            found |= {f"{side}_range": span, side: int(first) if first == last else None}
    return found


def _require_ports(forwarding: Forwarding) -> None:
    """Both sides have ports, as many inside as outside or only one inside. Without any Neutron fails with 500."""
    for side in ("internal_port", "external_port"):
        if not forwarding.get(f"{side}_range"):
            raise _bad(f"Either {side} or {side}_range must be specified")
    inside, outside = (_count(forwarding[f"{side}_port_range"]) for side in ("internal", "external"))
    if inside > 1 and inside != outside:
        raise _bad(
            "Invalid ranges of internal and/or external ports. The relation between internal and external ports must "
            "be N-N or 1-N"
        )


def _count(span: str) -> int:
    first, last = span.split(":")
    return int(last) - int(first) + 1


def _meet(one: str, other: str) -> bool:
    (low, high), (first, last) = (map(int, span.split(":")) for span in (one, other))
    return max(low, first) <= min(high, last)


def _bad(message: str) -> Invalid:
    return Invalid(f"Bad port_forwarding request: {message}.", reason="BadRequest")
