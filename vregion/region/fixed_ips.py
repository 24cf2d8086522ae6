"""Which addresses a port gets: the wanted ones, one per IP version, and those that follow from its MAC.

Called by ports alone. The choice is Neutron's (29.0.0 `neutron/db/ipam_pluggable_backend.py`); the rows that make it
exclusive are in `addresses`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vregion.ipam import macs, prefixes
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import addresses, resources, subnets
from vregion.region.regions import Transaction

FixedIp = dict[str, str]
ROUTERS = (
    "network:router_interface",
    "network:ha_router_replicated_interface",
    "network:router_interface_distributed",
    "network:router_centralized_snat",
)


@dataclass(frozen=True, slots=True)
class Seat:
    """For whom: a port on a network with these subnets."""

    port_id: str
    network_id: str
    mac: str
    device_owner: str
    subnets: Sequence[Resource]

    @property
    def automatic(self) -> list[Resource]:
        """Subnets whose addresses follow from the MAC; a router chooses its own there."""
        return [] if self.device_owner in ROUTERS else [s for s in self.subnets if subnets.automatic(s)]


async def assign(tx: Transaction, seat: Seat, wanted: Sequence[FixedIp] | None) -> list[FixedIp]:
    """Addresses of a new port. None: one of each version. Raises what Neutron raises."""
    if wanted is not None:
        chosen = await _wanted(tx, seat, wanted)
    else:
        chosen = []
        for version in (4, 6):
            plain = [s for s in seat.subnets if s.spec["ip_version"] == version and not subnets.automatic(s)]
            if plain:
                chosen.append(await _any_of(tx, seat, plain))
    return chosen + await _follow_mac(tx, seat, {ip["subnet_id"] for ip in chosen})


async def change(tx: Transaction, seat: Seat, current: Sequence[FixedIp], wanted: Sequence[FixedIp]) -> list[FixedIp]:
    """Addresses after an update: what is named stays, what is not goes, automatic ones stay anyway."""
    left = {ip["ip_address"]: ip for ip in current}
    automatic = {subnet.id for subnet in seat.automatic}
    kept, missing = [], []
    for wish in sorted(wanted, key=lambda wish: "ip_address" not in wish):
        found = _match(wish, left, automatic)
        if found is None:
            missing.append(wish)
        else:
            kept.append(left.pop(found))
    kept += [ip for ip in left.values() if ip["subnet_id"] in automatic]
    gone = [ip["ip_address"] for ip in left.values() if ip["subnet_id"] not in automatic]
    await addresses.release(tx, seat.port_id, gone)
    added = await _wanted(tx, seat, missing) if missing else []
    return kept + added + await _follow_mac(tx, seat, {ip["subnet_id"] for ip in [*kept, *added]})


def _match(wish: FixedIp, left: dict[str, FixedIp], automatic: set[str]) -> str | None:
    """The address that the port has and that satisfies the wish."""
    if "ip_address" in wish:
        address = prefixes.canonical(wish["ip_address"])
        return address if address in left else None
    for address, ip in left.items():
        if ip["subnet_id"] == wish.get("subnet_id") and ip["subnet_id"] not in automatic:
            return address
    return None


async def _wanted(tx: Transaction, seat: Seat, wanted: Sequence[FixedIp]) -> list[FixedIp]:
    chosen = []
    for wish in sorted(wanted, key=lambda wish: "ip_address" not in wish):
        subnet = await _subnet(tx, seat, wish)
        if "ip_address" in wish:
            address = prefixes.canonical(wish["ip_address"])
            _check_automatic(seat, subnet, address)
            if not await addresses.take(tx, subnet, seat.port_id, address):
                message = f"IP address {address} already allocated in subnet {subnet.id}"
                raise Conflict(message, reason="IpAddressAlreadyAllocated")
            chosen.append({"subnet_id": subnet.id, "ip_address": address})
        elif subnet not in seat.automatic:
            chosen.append(await _any_of(tx, seat, [subnet]))
    return chosen


async def _any_of(tx: Transaction, seat: Seat, candidates: Sequence[Resource]) -> FixedIp:
    for subnet in candidates:
        address = await addresses.allocate(tx, subnet, seat.port_id)
        if address is not None:
            return {"subnet_id": subnet.id, "ip_address": address}
    raise subnets.no_more_addresses(seat.network_id)


async def _follow_mac(tx: Transaction, seat: Seat, handled: set[str]) -> list[FixedIp]:
    made = []
    for subnet in seat.automatic:
        address = macs.eui64(prefixes.prefix(subnet.spec["cidr"]), seat.mac)
        if subnet.id not in handled and await addresses.take(tx, subnet, seat.port_id, address):
            made.append({"subnet_id": subnet.id, "ip_address": address})
    return made


async def _subnet(tx: Transaction, seat: Seat, wish: FixedIp) -> Resource:
    """The subnet that a wish names, or that its address is in."""
    if not seat.subnets:
        raise _invalid("IP allocation requires subnets for network")
    if "subnet_id" in wish:
        return await _named(tx, seat, wish)
    if "ip_address" not in wish:
        raise _invalid("IP allocation requires subnet_id or ip_address")
    for subnet in seat.subnets:
        if prefixes.holds(prefixes.prefix(subnet.spec["cidr"]), wish["ip_address"]):
            return subnet
    message = f"IP address {wish['ip_address']} is not a valid IP for any of the subnets on the specified network."
    raise Invalid(message, reason="InvalidIpForNetwork")


async def _named(tx: Transaction, seat: Seat, wish: FixedIp) -> Resource:
    subnet_id = wish["subnet_id"]
    subnet = next((s for s in seat.subnets if s.id == subnet_id), None)
    if subnet is None:
        if await resources.find(tx, Kind.SUBNET, subnet_id, seat.subnets[0].project_id) is None:
            raise NotFound(f"Subnet {subnet_id} could not be found.", reason="SubnetNotFound")
        raise _invalid(
            f"Failed to create port on network {seat.network_id}, because fixed_ips included invalid subnet {subnet_id}"
        )
    if "ip_address" in wish and not prefixes.holds(prefixes.prefix(subnet.spec["cidr"]), wish["ip_address"]):
        message = f"IP address {wish['ip_address']} is not a valid IP for the specified subnet."
        raise Invalid(message, reason="InvalidIpForSubnet")
    return subnet


def _check_automatic(seat: Seat, subnet: Resource, address: str) -> None:
    """On such a subnet nobody but the MAC decides."""
    if subnet in seat.automatic and address != macs.eui64(prefixes.prefix(subnet.spec["cidr"]), seat.mac):
        raise Invalid(
            f"IPv6 address {address} cannot be directly assigned to a port on subnet {subnet.id} as the subnet is "
            "configured for automatic addresses",
            reason="AllocationOnAutoAddressSubnet",
        )


def _invalid(message: str) -> Invalid:
    return Invalid(f"Invalid input for operation: {message}.", reason="InvalidInput")
