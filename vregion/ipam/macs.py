"""MAC addresses: reading, choosing, and the IPv6 address that follows from one.

Called by `vregion.region.addresses` and `ports`.
"""

import hashlib
import re
from ipaddress import IPv6Address
from random import SystemRandom

from vregion.ipam.prefixes import Prefix

_FORMS = (
    re.compile(r"^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$"),
    re.compile(r"^[0-9a-f]{1,2}(-[0-9a-f]{1,2}){5}$"),
    re.compile(r"^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$"),
    re.compile(r"^[0-9a-f]{12}$"),
)
_OURS = "fa:16:3e"  # the OpenStack services' own base
_RANDOM = SystemRandom()


def canonical(text: str) -> str | None:
    """Lower case with colons; None when it is no MAC address, or not one that a port may have."""
    lower = text.lower()
    if not any(form.match(lower) for form in _FORMS):
        return None
    if ":" in lower or "-" in lower:
        digits = "".join(part.zfill(2) for part in re.split("[:-]", lower))
    else:
        digits = lower.replace(".", "")
    return None if digits in ("0" * 12, "f" * 12) else ":".join(digits[i : i + 2] for i in range(0, 12, 2))


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
