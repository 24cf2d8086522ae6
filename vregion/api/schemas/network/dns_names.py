"""Names of hosts and domains, as Neutron reads them (neutron_lib 5.0.1 `api/validators/dns.py`): in small letters."""

import re
from typing import Any

from vregion.api.schemas.network.values import Wrong, invalid
from vregion.region.dns_names import DOMAIN

_LONGEST = 255
_LABEL = re.compile(r"[a-z0-9-]{1,63}")


def port_name(value: Any) -> str:
    """A port's name below the domain of its zone; empty: none."""
    name = _name(value)
    if name.endswith("."):
        words = "The dns_name passed is a FQDN. Its higher level labels must be equal to the dns_domain option in "
        words += f"neutron.conf, that has been set to '{DOMAIN}'. It must also include one or more valid DNS labels to "
        raise Wrong(f"{words}the left of '{DOMAIN}'")
    if len(name) + 1 + len(DOMAIN) > _LONGEST:
        words = f"The dns_name passed is a PQDN and its size is '{len(name)}'. The dns_domain option in neutron.conf "
        words += f"is set to {DOMAIN}, with a length of '{1 + len(DOMAIN)}'. When the two are concatenated to form a "
        words += "FQDN (with a '.' at the end), the resulting length exceeds the maximum size of "
        raise Wrong(f"{words}'{_LONGEST}'")
    return name


def relative_name(value: Any) -> str:
    """A floating IP's name below its domain; empty: none."""
    text = _text(value)
    if text.endswith("."):
        raise Wrong(f"'{text}' is a FQDN. It should be a relative domain name")
    return _no_longer(_name(text), _LONGEST - 3, "domain name")


def domain(value: Any) -> str:
    """A domain with its last dot; empty: none."""
    text = _text(value)
    if text and not text.endswith("."):
        raise Wrong(f"'{text}' is not a FQDN")
    return _no_longer(_name(text), _LONGEST - 2, "sub-domain")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(f"Input value {value} must be string type")
    return value.lower()


def _no_longer(name: str, most: int, what: str) -> str:
    if len(name) > most:
        words = f"'{name}' contains {len(name)} characters. Adding a {what} will cause it to exceed the maximum length"
        raise Wrong(f"{words} of a FQDN of '{_LONGEST}'")
    return name


def _name(value: Any) -> str:
    """Labels with dots between them and perhaps one behind them."""
    text = _text(value)
    if text and (wrong := _wrong(text.removesuffix("."))):
        raise Wrong(f"'{text}' not a valid PQDN or FQDN. Reason: {wrong}")
    return text


def _wrong(name: str) -> str:
    if len(name) > _LONGEST:
        return f"'{name}' exceeds the {_LONGEST} character FQDN limit"
    labels = name.split(".")
    for label in labels:
        if not label:
            return "Encountered an empty component"
        if label.startswith("-") or label.endswith("-"):
            return f"Name '{label}' must not start or end with a hyphen"
        if not _LABEL.fullmatch(label):
            return f"Name '{label}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen"
    if len(labels) > 1 and re.fullmatch("[0-9]+", labels[-1]):
        return f"TLD '{labels[-1]}' must not be all numeric"
    return ""
