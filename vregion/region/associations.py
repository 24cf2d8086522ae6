"""Floating IPs as ports see them: which ones lead to a port, and what becomes of them when it moves or goes.

Called by ports and servers, which must not know how a floating IP is made (`floating_ips`), and by that file. While a
floating IP is associated, its row's parent is the port.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource
from vregion.region import qos_policies, realizations, resources
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

FREE: dict[str, Any] = {"port_id": None, "fixed_ip_address": None, "router_id": None, "router_is_chosen": False}
_DETAILS = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")
_NO_DETAILS = b'"port_details":null'
_FORWARDED = ("protocol", "internal_ip_address", "internal_port", "external_port", "internal_port_id", "id")


def document(ip: Resource) -> dict[str, Any]:
    """What a show answers."""
    spec = ip.spec
    return {
        "id": ip.id,
        **standard.owned(ip),
        "floating_ip_address": spec["floating_ip_address"],
        "floating_network_id": spec["floating_network_id"],
        "router_id": spec["router_id"],
        "port_id": spec["port_id"],
        "fixed_ip_address": spec["fixed_ip_address"],
        "status": ip.status,
        "qos_policy_id": spec.get("qos_policy_id"),
        "dns_name": "",
        "dns_domain": "",
        "port_details": None,
        "port_forwardings": [
            {name: one[name] for name in _FORWARDED if one[name]} for one in spec["port_forwardings"] or ()
        ],
        **standard.tail(ip),
    }


async def detailed(tx: Transaction, ips: Sequence[Sequence[Any]]) -> list[bytes]:
    """(document, port id or None) of floating IPs: the documents with what their ports are now; one query for all.

    A quotation mark inside a text is escaped: the bytes that are replaced are the attribute's own.
    """
    wanted = {str(port_id) for _, port_id in ips if port_id}
    filters = (Filter("id", sorted(wanted), "in"),)
    ports = await resources.list_documents(tx, Query(Kind.PORT, filters=filters)) if wanted else []
    known = {port["id"]: {name: port[name] for name in _DETAILS} for port in map(orjson.loads, ports)}
    shown = {port_id: b'"port_details":' + resources.dump(found) for port_id, found in known.items()}
    return [document.replace(_NO_DETAILS, shown.get(port_id, _NO_DETAILS), 1) for document, port_id in ips]


async def of_ports(tx: Transaction, port_ids: Iterable[str]) -> dict[str, list[Resource]]:
    """The floating IPs of each port that has some."""
    wanted = list(port_ids)
    found: dict[str, list[Resource]] = {}
    if wanted:
        filters = (Filter("deleting", False), Filter("parent_id", wanted, "in"))
        for ip in await resources.list_resources(tx, Query(Kind.FLOATING_IP, filters=filters)):
            found.setdefault(str(ip.parent_id), []).append(ip)
    return found


async def end_of_port(tx: Transaction, port: Resource, now: datetime) -> None:
    """A port ends: its floating IPs lead nowhere, and nothing is forwarded to it any more."""
    for ip in (await of_ports(tx, [port.id])).get(port.id, ()):
        await resources.lock(tx, Kind.FLOATING_IP, ip.id)
        ip = await resources.get(tx, Kind.FLOATING_IP, ip.id)
        if ip.spec["port_id"] == port.id:
            await standard.revise(tx, ip, document, now, spec=FREE, parent_id=None, status="DOWN")
    for ip in await forwarding_to(tx, port.project_id, [port.id]):
        await resources.lock(tx, Kind.FLOATING_IP, ip.id)
        ip = await resources.get(tx, Kind.FLOATING_IP, ip.id)
        left = [one for one in ip.spec["port_forwardings"] if one["internal_port_id"] != port.id]
        await forward(tx, ip, left, now)


async def forwarding_to(tx: Transaction, project_id: str, port_ids: Collection[str]) -> list[Resource]:
    """The floating IPs of a project that forward to one of its ports."""
    forwarding = Filter("spec.forwards", True)
    found = await resources.list_resources(tx, Query(Kind.FLOATING_IP, project_id, (forwarding,)))
    return [ip for ip in found if any(one["internal_port_id"] in port_ids for one in ip.spec["port_forwardings"])]


async def leading_to(tx: Transaction, project_id: str, port_ids: Collection[str]) -> list[Resource]:
    """The floating IPs by which one of a project's ports is reached: it can only be in their zone."""
    if not port_ids:
        return []
    associated = [ip for found in (await of_ports(tx, port_ids)).values() for ip in found]
    return associated + await forwarding_to(tx, project_id, port_ids)


async def forward(
    tx: Transaction, ip: Resource, wanted: list[dict[str, Any]], now: datetime, router_id: str | None = None
) -> Resource:
    """These port forwardings; the last one takes the router with it."""
    spec = {"port_forwardings": wanted, "forwards": bool(wanted), "router_id": router_id or ip.spec["router_id"]}
    spec |= {} if wanted else {"router_id": None}
    ip = await standard.revise(tx, ip, document, now, spec=spec)
    await need(tx, ip)
    return ip


async def need(tx: Transaction, ip: Resource) -> None:
    """What must stay in its zone as long as it does."""
    spec = ip.spec
    keys = [(Kind.NETWORK, spec["floating_network_id"]), (Kind.SUBNET, spec["floating_subnet_id"])]
    keys += qos_policies.needed(ip)
    await realizations.forget_needs(tx, Kind.FLOATING_IP, ip.id)
    await realizations.need(tx, ip, keys)


async def follow(tx: Transaction, port: Resource, backend_id: str, now: datetime) -> None:
    """The port is in a zone now: its floating IPs lead to it there. Raises Conflict when one is of another zone."""
    for ip in await leading_to(tx, port.project_id, [port.id]):
        if ip.backend_id != backend_id:
            raise _elsewhere(ip, f"port {port.id} is in another one")
        await realizations.look(tx, (Kind.FLOATING_IP, ip.id), now)


async def look(tx: Transaction, ips: Iterable[Resource], now: datetime) -> None:
    """What they need to lead to their ports is there now: they need not find out by asking again."""
    for ip in ips:
        await realizations.look(tx, (Kind.FLOATING_IP, ip.id), now)


async def through(tx: Transaction, router_id: str) -> list[Resource]:
    """The floating IPs that are reached through a router."""
    filters = (Filter("spec.router_id", router_id), Filter("deleting", False))
    return await resources.list_resources(tx, Query(Kind.FLOATING_IP, filters=filters))


async def require_same_zone(tx: Transaction, ip: Resource, port: Resource) -> None:
    """A port is reached in its own zone only, or in that of its other floating IPs. Raises Conflict."""
    if port.backend_id is not None:
        if port.backend_id != ip.backend_id:
            raise _elsewhere(ip, f"port {port.id} is in another one")
        return
    for other in await leading_to(tx, port.project_id, [port.id]):
        if other.backend_id != ip.backend_id:
            raise _elsewhere(ip, f"floating IP {other.id} of port {port.id} is of {other.availability_zone}")


def _elsewhere(ip: Resource, where: str) -> Conflict:
    return Conflict(
        f"Floating IP {ip.spec['floating_ip_address']} ({ip.id}) is of availability zone {ip.availability_zone}, and "
        f"{where}.",
        reason="FloatingIPInOtherAvailabilityZone",
    )
