"""Where a router's interface sits in each zone that its network spans: with a MAC and addresses of its own.

Two routers with one address cannot be on one broadcast domain. The zone that comes first has what the tenant sees of
the port; each further one gets its own, and where that stands for the subnet's gateway, servers there are told it. It
stays the zone's when the router goes, for servers ask again in hours only: the next router sits where the last one did.
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
Kept = Mapping[str, Mapping[str, str]]  # subnet -> backend -> the gateway that servers there are told


def of(port: Resource) -> Seats:
    """Where it sits; nothing on a network of one zone."""
    return port.spec.get("seats") or {}


async def settle(tx: Transaction, port: Resource, wanted: Collection[str], now: datetime) -> Seats:
    """The seats that the port shall have on these backends; what is in no seat any more is free.

    The caller writes them to the port. Raises Conflict when a subnet has no address left.
    """
    known, own = of(port), {name: port.spec[name] for name in ("mac_address", "fixed_ips")}
    ids = {ip["subnet_id"] for seat in (own, *known.values()) for ip in seat["fixed_ips"]}
    on = await resources.find_many(tx, Kind.SUBNET, ids)
    kept = {i: subnets.gateways(subnet) for i, subnet in on.items() if _leads_away(subnet, own, known)}
    first = next((b for b in sorted(known) if b in wanted and known[b]["mac_address"] == own["mac_address"]), None)
    told = {b for gateways in kept.values() for b in gateways}
    first = first or next((b for b in sorted(wanted) if b not in known and b not in told), None)
    seats = {b: own if b == first else await _another(tx, port, b, on, known.get(b), kept) for b in sorted(wanted)}
    await _free(tx, port, known, [own, *seats.values()], kept)
    others = {b: seat for b, seat in seats.items() if b != first}
    for subnet_id, gateways in kept.items():
        here = {b: address for b, seat in others.items() if (address := _on(on[subnet_id], seat))}
        await subnets.tell_gateways(tx, on[subnet_id], {**gateways, **here}, now)
    return seats


def _on(subnet: Resource, seat: Seat) -> str | None:
    """The seat's address on a subnet; a router has one on each."""
    return next((ip["ip_address"] for ip in seat["fixed_ips"] if ip["subnet_id"] == subnet.id), None)


def _leads_away(subnet: Resource, own: Seat, known: Seats) -> bool:
    """Whether the port is the gateway of a subnet that it is on or was on."""
    told = subnets.gateways(subnet).items()
    main = subnet.spec["gateway_ip"]
    return bool(main) and (_on(subnet, own) == main or any((b, _on(subnet, seat)) in told for b, seat in known.items()))


async def _another(
    tx: Transaction, port: Resource, backend_id: str, on: Mapping[str, Resource], known: Seat | None, kept: Kept
) -> Seat:
    """A seat beside the first one; what it has already it keeps, and servers there find their gateway again."""
    ips = []
    for subnet in (on[ip["subnet_id"]] for ip in port.spec["fixed_ips"]):
        address = _on(subnet, known) if known else None
        address = address or await _again(tx, port, backend_id, subnet, kept)
        address = address or await addresses.allocate(tx, subnet, port.id)
        if address is None:
            raise subnets.no_more_addresses(port.spec["network_id"])
        ips.append({"subnet_id": subnet.id, "ip_address": address})
    network_id, at = port.spec["network_id"], ips[0]["ip_address"]
    mac = known["mac_address"] if known else await addresses.allocate_mac(tx, network_id, port.id, at)
    return {"mac_address": mac, "fixed_ips": ips}


async def _again(tx: Transaction, port: Resource, backend_id: str, subnet: Resource, kept: Kept) -> str | None:
    """The gateway that servers there were told before, if it was kept for the next router."""
    address = kept.get(subnet.id, {}).get(backend_id)
    owner = addresses.gateway_owner(backend_id)
    return address if address and await addresses.hand_over(tx, subnet.id, address, owner, port.id) else None


async def _free(tx: Transaction, port: Resource, before: Seats, after: Collection[Seat], kept: Kept) -> None:
    """What no seat has any more; the addresses of gateways stay with their zones."""
    macs = {seat["mac_address"] for seat in before.values()} - {seat["mac_address"] for seat in after}
    if macs:
        await addresses.release_mac(tx, port.id, macs)
    left = {ip["ip_address"] for seat in after for ip in seat["fixed_ips"]}
    for backend_id, ip in ((b, ip) for b, seat in before.items() for ip in seat["fixed_ips"]):
        subnet_id, address = ip["subnet_id"], ip["ip_address"]
        if address in left:
            continue
        if kept.get(subnet_id, {}).get(backend_id) == address:
            await addresses.hand_over(tx, subnet_id, address, port.id, addresses.gateway_owner(backend_id))
        else:
            await addresses.release(tx, port.id, [address])
