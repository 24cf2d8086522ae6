"""Prefixes (CIDRs) and the addresses in them, as Neutron counts them.

Called by `vregion.region.subnets` and `addresses`. A *position* is an address's distance from its prefix's first one:
rows hold positions, because arithmetic on them is the same on every database.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Prefix = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Positions beyond this do not fit a database's 64-bit integer; pools are used up to here only.
LAST_POSITION = (1 << 62) - 1


def prefix(text: str) -> Prefix:
    """The prefix with its host bits cleared. Raises ValueError."""
    return ip_network(text, strict=False)


def usable(of: Prefix) -> tuple[int, int]:
    """First and last address that a pool may hold, as integers (neutron 29 `neutron/ipam/utils.py` generate_pools)."""
    first, last = int(of.network_address), int(of.broadcast_address)
    if first == last:
        return first, last
    if of.version == 6:
        return first + 1, last
    return (first + 1, last - 1) if of.prefixlen <= 30 else (first, last)


def default_gateway(of: Prefix) -> str:
    """IPv4's first host; IPv6's subnet-router anycast address (`ipam_backend_mixin.py` _gateway_ip_str)."""
    return str(of.network_address if of.version == 6 else of.network_address + 1)


def may_be_gateway(of: Prefix, address: Address) -> bool:
    """A gateway outside the prefix is fine, on the wire's reserved addresses it is not."""
    return of.version == 6 or address not in of or address not in (of.network_address, of.broadcast_address)


def holds(of: Prefix, text: str) -> bool:
    """Whether a port may have this address (`ipam/utils.py` check_subnet_ip)."""
    address = ip_address(text)
    if address not in of:
        return False
    if of.version == 6:
        return True
    return address != of.network_address and (of.prefixlen > 30 or address != of.broadcast_address)


def position(of: Prefix, text: str) -> int | None:
    """Distance from the first address; None when it is too far to be counted."""
    distance = int(ip_address(text)) - int(of.network_address)
    return distance if 0 <= distance <= LAST_POSITION else None


def at(of: Prefix, distance: int) -> str:
    """The address at a position."""
    return str(of.network_address + distance)


def canonical(text: str) -> str:
    """One spelling per address."""
    return str(ip_address(text))
