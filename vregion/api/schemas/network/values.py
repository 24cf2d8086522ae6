"""How Neutron reads values: each function takes one and gives its canonical form, or raises Neutron's fault.

The words are those of neutron-lib 5.0.1 (`neutron_lib/api/validators/__init__.py`, `converters.py`); which fault a
wrong value gets depends on whether Neutron converts or validates it, so both kinds are here.
"""

import unicodedata
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

from vregion.ipam import macs
from vregion.model.refusals import Invalid

_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no")
Read = Callable[[Any], Any]


class Wrong(Exception):
    """The reason in "Invalid input for ATTRIBUTE. Reason: REASON."."""


def bad(message: str) -> Invalid:
    """A fault that webob raised, in Neutron's body."""
    return Invalid(message, reason="HTTPBadRequest")


def invalid(message: str) -> Invalid:
    """Neutron's InvalidInput."""
    return Invalid(f"Invalid input for operation: {message}.", reason="InvalidInput")


def boolean(value: Any) -> bool:
    """True or false, also in words."""
    text = str(value).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise invalid(f"'{value}' cannot be converted to boolean")


def integer(value: Any) -> int:
    """A whole number, also in digits."""
    try:
        return int(value)
    except (ValueError, TypeError):
        raise invalid(f"'{value}' is not an integer") from None


def non_negative(value: Any) -> int:
    """A whole number from 0."""
    number = integer(value)
    if number < 0:
        raise Wrong(f"'{number}' should be non-negative")
    return number


def one_of(*values: Any, read: Read = lambda value: value) -> Read:
    """One of these."""

    def check(value: Any) -> Any:
        value = read(value)
        if not any(value == known and type(value) is type(known) for known in values):
            raise Wrong(f"{value} is not in valid_values")
        return value

    return check


def string(longest: int = 255) -> Read:
    """Any text."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong(f"'{value}' is not a valid string")
        if len(value) > longest:
            raise Wrong(f"'{value}' exceeds maximum length of {longest}")
        return value

    return check


def name(value: Any) -> str:
    """Text of printable characters, no white space around it; a line's end behind it is passed over, as by the `$` of
    neutron_lib's expression.
    """
    text = str(string()(value))
    line = text.removesuffix("\n")
    edges = [c for c in line[:1] + line[-1:] if unicodedata.category(c) == "Zs"]
    if edges or not all(map(_printable, line)):
        raise Wrong(f"'{text}' is not a valid string")
    return text


def _printable(char: str) -> bool:
    category = unicodedata.category(char)
    return ord(char) < 0xFFFF and category[0] != "C" and (category[0] != "Z" or category == "Zs")


def uuid_text(value: Any) -> Any:
    """An id."""
    try:
        uuid.UUID(str(value))
    except ValueError:
        raise Wrong(f"'{value}' is not a valid UUID") from None
    return value


def uuid_or_none(value: Any) -> Any:
    """An id or null."""
    return None if value is None else uuid_text(value)


def between(first: int, last: int) -> Read:
    """A whole number from the first to the last."""

    def check(value: Any) -> int:
        number = integer(value)
        if number < first:
            raise Wrong(f"'{number}' is too small - must be at least '{first}'")
        if number > last:
            raise Wrong(f"'{number}' is too large - must be no larger than '{last}'")
        return number

    return check


def list_of(read: Read) -> Read:
    """A list without duplicates; null is empty."""

    def check(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise Wrong(f"'{value}' is not a list")
        if twice := [item for at, item in enumerate(value) if value[:at].count(item) == 1]:
            raise Wrong(f"Duplicate items in the list: '{', '.join(map(str, twice))}'")
        return [read(item) for item in value]

    return check


def address(value: Any) -> str:
    """An IP address."""
    try:
        return str(ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        pass
    if isinstance(value, str) and value.count(".") == 3 and all(part.isdigit() for part in value.split(".")):
        plain = ".".join(str(int(part)) for part in value.split("."))
        if all(int(part) < 256 for part in plain.split(".")):
            raise Wrong(f"'{value}' is not an accepted IP address, '{plain}' is recommended")
    raise Wrong(f"'{value}' is not a valid IP address")


def address_or_none(value: Any) -> str | None:
    """An IP address or null."""
    return None if value is None else address(value)


def mac(value: Any) -> str:
    """A MAC address in text."""
    found = macs.canonical(value) if isinstance(value, str) and not any(map(str.isspace, value)) else None
    if found is None:
        raise Wrong(f"'{value}' is not a valid MAC address")
    return found


def mac_or_random(value: Any) -> str:
    """A port's MAC address, a number too; null is another one (neutron_lib converters convert_to_mac_if_none)."""
    if value is None:
        return macs.random()
    found = macs.read(value) if isinstance(value, str | int) else None
    if found is None or not macs.usable(found):
        raise Wrong(f"'{found or value}' is not a valid MAC address")
    return found


def mac_asked(text: str) -> str:
    """The MAC address that a filter means; what is none is nobody's."""
    return macs.read(text) or text


def prefix(value: Any) -> str | None:
    """A CIDR; an address alone is one of full length."""
    if value is None:
        return None
    try:
        ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise invalid(f"{value} is not in a CIDR format") from None
    return str(value)


def network_of(text: str) -> str:
    """The CIDR of the network that a CIDR is in."""
    return str(ip_network(prefix(text) or "", strict=False))


def subnet(value: Any) -> str:
    """A CIDR with its length; host bits are passed over."""
    text = value if isinstance(value, str) and not any(map(str.isspace, value)) else ""
    try:
        found = ip_network(text if "/" in text else "", strict=False)
    except ValueError:
        raise Wrong(f"'{value}' is not a valid IP subnet") from None
    if found.version == 4 and not text.endswith(f"/{found.prefixlen}"):
        raise Wrong(f"'{value}' is not a valid IP subnet")
    return str(found)


def subnet_list(value: Any) -> list[str]:
    """A list of CIDRs."""
    if value is None:
        raise Wrong("'None' is not a list")
    return list(dict.fromkeys(list_of(subnet)(value)))


def route_destination(value: Any) -> str:
    """A CIDR without host bits that is not loopback."""
    try:
        found = ip_network(value if isinstance(value, str) and "/" in value else "")
    except ValueError:
        raise Wrong(f"'{value}' is not a valid CIDR") from None
    if found.is_loopback:
        raise Wrong(f"'{value}' is not a routable CIDR")
    return str(value)


def remote_prefix(value: Any) -> str | None:
    """A security group rule's prefix, with its length; empty is none."""
    if not value:
        return None
    text = value if isinstance(value, str) else ""
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise Invalid(f"Invalid CIDR {value} given as IP prefix.", reason="InvalidCIDR") from None
    return f"{ip_address(text.partition('/')[0])}/{found.prefixlen}"


def keys(value: Any, expected: Sequence[str]) -> dict[str, Any]:
    """A dictionary with exactly these keys."""
    if not isinstance(value, dict):
        raise Wrong(f"Invalid input. '{value}' must be a dictionary with keys: {list(expected)}")
    if set(value) != set(expected):
        raise Wrong(
            f"Validation of dictionary's keys failed. Expected keys: {set(expected)} Provided keys: {set(value)}"
        )
    return value


def moment(value: Any) -> datetime:
    """A time in Neutron's form."""
    try:
        return datetime.strptime(str(value).rstrip("Z"), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise invalid(f"The date {value} is not in the form YYYY-MM-DDTHH:MM:SS") from None
