"""Where a router's interface sits in each zone that its network spans: with a MAC and addresses of its own.

Two routers with one address cannot be on one broadcast domain. The zone that comes first has what the tenant sees of
the port; each further one gets its own, and where that stands for the subnet's gateway, servers there are told it.
Called by ports, under the network's lock. `spec["seats"]` of the port: backend -> {"mac_address", "fixed_ips"}.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.region import addresses, resources, subnets
from vregion.region.regions import Transaction

Seat = dict[str, Any]
Seats = Mapping[str, Seat]


def of(port: Resource) -> Seats:
    """Where it sits; nothing on a network of one zone."""
    return port.spec.get("seats") or {}


async def settle(tx: Transaction, port: Resource, wanted: Collection[str], now: datetime) -> Seats:
    """The seats that the port shall have on these backends; what is in no seat any more is free.

    The caller writes them to the port. Raises Conflict when a subnet has no address left.
    """
    known, own = of(port), {name: port.spec[name] for name in ("mac_address", "fixed_ips")}
    first = next((b for b in sorted(known) if b in wanted and known[b]["mac_address"] == own["mac_address"]), None)
    first = first or next((b for b in sorted(wanted) if b not in known), None)
    ids = {ip["subnet_id"] for seat in (own, *known.values()) for ip in seat["fixed_ips"]}
    on = await resources.find_many(tx, Kind.SUBNET, ids)
    seats = {b: own if b == first else await _another(tx, port, on, known.get(b)) for b in sorted(wanted)}
    await _free(tx, port, [*known.values()], [own, *seats.values()])
    others = {b: seat for b, seat in seats.items() if b != first}
    for subnet in on.values():
        before = {address for seat in known.values() if (address := _on(subnet, seat))}
        told = {b: a for b, a in (subnet.spec.get("gateway_addresses") or {}).items() if a not in before}
        if _on(subnet, own) == subnet.spec["gateway_ip"]:
            told |= {b: address for b, seat in others.items() if (address := _on(subnet, seat))}
        await subnets.tell_gateways(tx, subnet, told, now)
    return seats


def _on(subnet: Resource, seat: Seat) -> str | None:
    """The seat's address on a subnet; a router has one on each."""
    return next((ip["ip_address"] for ip in seat["fixed_ips"] if ip["subnet_id"] == subnet.id), None)


async def _another(tx: Transaction, port: Resource, on: Mapping[str, Resource], known: Seat | None) -> Seat:
    """A seat beside the first one; what it has already it keeps."""
    mac = known["mac_address"] if known else await addresses.allocate_mac(tx, port.spec["network_id"], port.id)
    ips = []
    for subnet in (on[ip["subnet_id"]] for ip in port.spec["fixed_ips"]):
        address = _on(subnet, known) if known else None
        address = address or await addresses.allocate(tx, subnet, port.id)
        if address is None:
            raise subnets.no_more_addresses(port.spec["network_id"])
        ips.append({"subnet_id": subnet.id, "ip_address": address})
    return {"mac_address": mac, "fixed_ips": ips}


async def _free(tx: Transaction, port: Resource, before: Collection[Seat], after: Collection[Seat]) -> None:
    macs = {seat["mac_address"] for seat in before} - {seat["mac_address"] for seat in after}
    ips, kept = ({ip["ip_address"] for seat in seats for ip in seat["fixed_ips"]} for seats in (before, after))
    if macs:
        await addresses.release_mac(tx, port.id, macs)
    if ips - kept:
        await addresses.release(tx, port.id, ips - kept)
