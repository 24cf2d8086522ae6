"""MAC addresses: reading, choosing, and the IPv6 address that follows from one.

Called by `vregion.region.addresses` and `ports`.
"""

import hashlib
import re
from ipaddress import IPv6Address
from random import SystemRandom

from vregion.ipam.prefixes import Prefix


def _form(words: int, digits: str, between: str) -> re.Pattern[str]:
    return re.compile(f"^{between.join([f'([0-9a-f]{{{digits}}})'] * words)}$")


# What netaddr 1.3.0 reads (`netaddr/strategy/eui48.py` RE_MAC_FORMATS), with the digits of a whole word.
_FORMS = (
    *((_form(6, "1,2", between), 2) for between in ":-"),
    *((_form(3, "1,4", between), 4) for between in (":", "-", r"\.")),
    *((_form(2, "5,6", between), 6) for between in "-:"),
    (_form(1, "11,12", ""), 12),
)
_NOBODYS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
_OURS = "fa:16:3e"  # the OpenStack services' own base
_RANDOM = SystemRandom()


def canonical(text: str) -> str | None:
    """Lower case with colons; None when it is no MAC address, or not one that a port may have."""
    found = _spelled(text)
    return found if found and usable(found) else None


def read(value: str | int) -> str | None:
    """Lower case with colons; a whole number, also in digits, is one too; None when it is none."""
    if isinstance(value, str):
        if found := _spelled(value):
            return found
        try:
            value = int(value)
        except ValueError:
            return None
    return _colons(f"{value:012x}") if 0 <= value < 1 << 48 else None


def usable(mac: str) -> bool:
    """Whether a port may have it."""
    return mac not in _NOBODYS


def _spelled(text: str) -> str | None:
    for form, width in _FORMS:
        if found := form.match(text.lower()):
            return _colons("".join(word.zfill(width) for word in found.groups()))
    return None


def _colons(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


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
