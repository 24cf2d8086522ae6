"""MAC addresses: reading them as Neutron does, by netaddr; choosing, and the IPv6 address that follows from one.

Called by `vregion.region.addresses` and `ports`.
"""

import hashlib
from ipaddress import IPv6Address
from random import SystemRandom

from netaddr import EUI, AddrFormatError, mac_unix_expanded, valid_mac

from vregion.ipam.prefixes import Prefix

_NOBODYS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
_OURS = "fa:16:3e"  # the OpenStack services' own base
_RANDOM = SystemRandom()


def canonical(text: str) -> str | None:
    """Lower case with colons; None when it is no MAC address, or not one that a port may have."""
    found = read(text) if valid_mac(text) else None
    return found if found and usable(found) else None


def read(value: str | int) -> str | None:
    """Lower case with colons; a whole number, also in digits, is one too; None when it is none."""
    try:
        given = value if isinstance(value, str) and valid_mac(value) else int(value)
        return str(EUI(given, version=48, dialect=mac_unix_expanded))
    except (ValueError, AddrFormatError):
        return None


def usable(mac: str) -> bool:
    """Whether a port may have it."""
    return mac not in _NOBODYS


def random() -> str:
    """A MAC address in the services' own range."""
    return _ours(_RANDOM.randbytes(3))


def derived(network_id: str, address: str) -> str:
    """The same one each time for an address on a network, in the services' own range."""
    return _ours(hashlib.sha256(f"{network_id} {address}".encode()).digest()[:3])


def _ours(low: bytes) -> str:
    return f"{_OURS}:{low.hex(':')}"


def eui64(prefix: Prefix, mac: str) -> str:
    """The address that SLAAC gives this MAC in a /64 (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(int(prefix.network_address) | int.from_bytes(identifier)))


def multicast(mac: str) -> bool:
    """Whether the group bit is set."""
    return bool(int(mac[:2], 16) & 1)
