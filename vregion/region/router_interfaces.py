"""Routers on networks: a router's interface is a port; adding one by subnet makes it, by port takes the tenant's own.

Called by the API. Neutron's checks and words (29.0.0 `neutron/db/l3_db.py`). Locks are taken in the order of a boot:
the network, then the router. A network keeps in `router_ports` which ports routers have on it, so that a boot that
brings it into a zone brings them too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from vregion.ipam import prefixes
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import networks, ports, realizations, resources, routers, subnets, transits
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query
from vregion.region.routers import attached_subnets, bad, check_overlap


@dataclass(frozen=True, slots=True)
class Attached:
    """What an interface call is about, and answers."""

    router: Resource
    port: Resource
    subnet_ids: Sequence[str]

    def wire(self) -> dict[str, Any]:
        """Neutron's answer."""
        return {
            "id": self.router.id,
            "project_id": self.port.project_id,
            "port_id": self.port.id,
            "network_id": self.port.spec["network_id"],
            "subnet_id": self.subnet_ids[-1],
            "subnet_ids": list(self.subnet_ids),
        }


async def add(
    tx: Transaction, caller: Caller, router_id: str, wanted: Mapping[str, str], zones: Mapping[str, str], now: datetime
) -> Attached:
    """Put a router on a subnet. `zones` maps availability zones to their backends."""
    await routers.get(tx, caller, router_id)
    if "port_id" in wanted:
        attached = await _add_port(tx, caller, router_id, wanted["port_id"], now)
    else:
        attached = await _add_subnet(tx, caller, router_id, wanted["subnet_id"], now)
    await _appear(tx, attached, {backend_id: zone for zone, backend_id in zones.items()}, now)
    return attached


async def remove(tx: Transaction, caller: Caller, router_id: str, wanted: Mapping[str, str], now: datetime) -> Attached:
    """Take a router off a subnet; the port ends with its last address."""
    await routers.get(tx, caller, router_id)
    port, subnet_ids = await _to_remove(tx, caller, router_id, wanted)
    await resources.lock(tx, Kind.NETWORK, port.spec["network_id"])
    router = await routers.hold(tx, caller, router_id)
    for subnet in (await resources.find_many(tx, Kind.SUBNET, subnet_ids)).values():
        await _require_unused(tx, router, port, subnet)
    left = [ip for ip in port.spec["fixed_ips"] if ip["subnet_id"] not in subnet_ids]
    if left:
        port = await ports.update(tx, caller, port.id, {"fixed_ips": left}, None, now)
    else:
        await _listed(tx, port, gone=True)
        await ports.remove(tx, port, now)
        router = await transits.prune(tx, await routers.leave(tx, router, now), now)
    await standard.revise(tx, router, routers.document, now)
    return Attached(router, port, subnet_ids)


async def _add_subnet(tx: Transaction, caller: Caller, router_id: str, subnet_id: str, now: datetime) -> Attached:
    subnet = await subnets.get(tx, caller, subnet_id)
    if not subnet.spec["gateway_ip"]:
        raise bad("Subnet for router interface must have a gateway IP")
    if subnet.project_id != caller.project_id and not caller.is_admin:
        words = f"Cannot add interface to router because subnet {subnet_id} is not owned by project making the request"
        raise bad(words)
    _check_address_mode(subnet)
    await resources.lock(tx, Kind.NETWORK, subnet.spec["network_id"])
    router = await routers.hold(tx, caller, router_id)
    present = await routers.interfaces(tx, router_id)
    await _check_subnets(tx, router, present, [subnet])
    ip = {"subnet_id": subnet.id, "ip_address": subnet.spec["gateway_ip"]}
    network = await networks.get(tx, caller, subnet.spec["network_id"])
    shared = next((port for port in present if _same_ipv6(port, subnet)), None)
    if shared is not None:
        port = await ports.update(tx, caller, shared.id, {"fixed_ips": [*shared.spec["fixed_ips"], ip]}, None, now)
    else:
        device = {"device_id": router_id, "device_owner": routers.INTERFACE, "router_id": router_id}
        wanted = {"network_id": network.id, "fixed_ips": [ip], "project_id": router.project_id, **device}
        port = await ports.make_for_router(tx, caller, network, wanted, now)
        await _listed(tx, port)
    return Attached(await standard.touch(tx, router, routers.document, now), port, [subnet.id])


async def _add_port(tx: Transaction, caller: Caller, router_id: str, port_id: str, now: datetime) -> Attached:
    port = await ports.get(tx, caller, port_id)
    await resources.lock(tx, Kind.NETWORK, port.spec["network_id"])
    router = await routers.hold(tx, caller, router_id)
    port = await ports.get(tx, caller, port_id)
    if port.spec["device_id"]:
        raise Conflict(
            f"Unable to complete operation on port {port_id} for network {port.spec['network_id']}. Port already has "
            f"an attached device {port.spec['device_id']}.",
            reason="PortInUse",
        )
    if not port.spec["fixed_ips"]:
        raise bad("Router port must have at least one fixed IP")
    found = await attached_subnets(tx, [port])
    for subnet in found:
        _check_address_mode(subnet)
    present = await routers.interfaces(tx, router_id)
    _check_one_ipv6_port(present, port)
    await _check_subnets(tx, router, present, found)
    if sum(subnet.spec["ip_version"] == 4 for subnet in found) > 1:
        raise bad("Cannot have multiple IPv4 subnets on router port")
    device = {"device_id": router_id, "device_owner": routers.INTERFACE, "router_id": router_id}
    port = await ports.hand_over(tx, port, device, now)
    await _listed(tx, port)
    router = await standard.touch(tx, router, routers.document, now)
    return Attached(router, port, [subnet.id for subnet in found])


async def _appear(tx: Transaction, attached: Attached, zones: Mapping[str, str], now: datetime) -> None:
    """In every zone that has the network, the interface is wanted, and with it the router."""
    for realization in await realizations.of_resource(tx, Kind.NETWORK, attached.port.spec["network_id"]):
        if realization.wanted:
            backend_id = realization.backend_id
            await transits.inherit(tx, attached.router.id, backend_id, now)
            await ports.want(tx, attached.port, backend_id, now)
            await routers.enter(tx, attached.router.id, backend_id, zones.get(backend_id), now)


async def _to_remove(
    tx: Transaction, caller: Caller, router_id: str, wanted: Mapping[str, str]
) -> tuple[Resource, list[str]]:
    """The port, and which of its subnets go."""
    present = await routers.interfaces(tx, router_id)
    subnet_id = wanted.get("subnet_id")
    if "port_id" in wanted:
        port = next((port for port in present if port.id == wanted["port_id"]), None)
        if port is None:
            words = f"Router {router_id} does not have an interface with id {wanted['port_id']}"
            raise NotFound(words, reason="RouterInterfaceNotFound")
        there = [ip["subnet_id"] for ip in port.spec["fixed_ips"]]
        if subnet_id and subnet_id not in there:
            words = f"Subnet on port {port.id} does not match the requested subnet {subnet_id}."
            raise Conflict(words, reason="SubnetMismatchForPort")
        return port, there
    subnet = await subnets.get(tx, caller, str(subnet_id))
    for port in present:
        if any(ip["subnet_id"] == subnet.id for ip in port.spec["fixed_ips"]):
            return port, [subnet.id]
    words = f"Router {router_id} has no interface on subnet {subnet.id}"
    raise NotFound(words, reason="RouterInterfaceNotFoundForSubnet")


async def _require_unused(tx: Transaction, router: Resource, port: Resource, subnet: Resource) -> None:
    """Raises Conflict while a floating IP or a route needs the interface."""
    prefix, words = (
        prefixes.prefix(subnet.spec["cidr"]),
        f"Router interface for subnet {subnet.id} on router {router.id}",
    )
    ips = await resources.list_resources(
        tx, Query(Kind.FLOATING_IP, filters=(Filter("spec.router_id", router.id), Filter("deleting", False)))
    )
    used = [ip.spec["fixed_ip_address"] for ip in ips]
    used += [one["internal_ip_address"] for ip in ips for one in ip.spec["port_forwardings"] or ()]
    if any(address and ip_address(address) in prefix for address in used):
        words += " cannot be deleted, as it is required by one or more floating IPs."
        raise Conflict(words, reason="RouterInterfaceInUseByFloatingIP")
    if any(ip_address(route["nexthop"]) in prefix for route in router.spec["routes"]):
        words += " cannot be deleted, as it is required by one or more routes."
        raise Conflict(words, reason="RouterInterfaceInUseByRoute")


async def _check_subnets(
    tx: Transaction, router: Resource, present: Sequence[Resource], new: Sequence[Resource]
) -> None:
    """No subnet twice, none that overlaps with another one or with the outside."""
    taken = {ip["subnet_id"] for port in present for ip in port.spec["fixed_ips"]}
    for subnet in new:
        if subnet.id in taken:
            raise bad(f"Router already has a port on subnet {subnet.id}")
    there = await attached_subnets(tx, present)
    if router.spec["gateway_network_id"]:
        there += await subnets.of_network(tx, router.spec["gateway_network_id"])
    for old in there:
        for subnet in new:
            check_overlap(old, subnet)


def _check_address_mode(subnet: Resource) -> None:
    if subnet.spec["ipv6_address_mode"] and not subnet.spec["ipv6_ra_mode"]:
        words = f"IPv6 subnet {subnet.id} configured to receive RAs from an external router cannot be added to Neutron"
        raise bad(f"{words} Router")


def _check_one_ipv6_port(present: Sequence[Resource], port: Resource) -> None:
    for other in present:
        if _has_ipv6(port) and _has_ipv6(other) and other.spec["network_id"] == port.spec["network_id"]:
            raise bad(
                f"Router already contains IPv6 port {other.id} belonging to network id {other.spec['network_id']}. "
                "Only one IPv6 port from the same network subnet can be connected to a router"
            )


def _same_ipv6(port: Resource, subnet: Resource) -> bool:
    """An IPv6 prefix joins the router's port with IPv6 on the same network."""
    same = port.spec["network_id"] == subnet.spec["network_id"]
    return subnet.spec["ip_version"] == 6 and same and _has_ipv6(port)


def _has_ipv6(port: Resource) -> bool:
    return any(":" in ip["ip_address"] for ip in port.spec["fixed_ips"])


async def _listed(tx: Transaction, port: Resource, *, gone: bool = False) -> None:
    """Keep the network's list of routers' ports."""
    network = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
    others = [name for name in network.spec.get("router_ports", ()) if name != port.id]
    spec = {"router_ports": others if gone else [*others, port.id]}
    await standard.note(tx, network, networks.document, spec=spec)
