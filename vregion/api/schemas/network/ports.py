"""The attributes of ports (neutron_lib/api/definitions/port.py and the extensions that are served)."""

from ipaddress import ip_network
from typing import Any

from vregion.api.schemas.network.attributes import CHOSEN, REQUIRED, Attribute, Attributes, shown
from vregion.api.schemas.network.dns_names import port_name
from vregion.api.schemas.network.qos_policies import POLICY_ID
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD, STATUS, tags
from vregion.api.schemas.network.values import (
    Wrong,
    address,
    bad,
    boolean,
    integer,
    invalid,
    list_of,
    mac,
    mac_asked,
    mac_or_random,
    one_of,
    string,
    uuid_text,
)
from vregion.model.refusals import Invalid

VNIC_TYPES = (
    "normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa",
    "accelerator-direct", "accelerator-direct-physical", "remote-managed",
)  # fmt: skip
_MAY_BE_BLANK = ("router", "classless-static-route")
_MOST_PAIRS = 10


def fixed_ips(value: Any) -> list[dict[str, str]]:
    """Wishes for addresses."""
    if not isinstance(value, list) or not all(isinstance(wish, dict) for wish in value):
        wrong = value if not isinstance(value, list) else next(wish for wish in value if not isinstance(wish, dict))
        raise Wrong(f"Invalid data format for fixed IP: '{wrong}'")
    found: list[dict[str, str]] = []
    for wish in value:
        parsed: dict[str, str] = {}
        if "ip_address" in wish:
            if any(wish["ip_address"] == other.get("ip_address") for other in found):
                raise Wrong(f"Duplicate IP address '{wish['ip_address']}'")
            parsed["ip_address"] = address(wish["ip_address"])
        if "subnet_id" in wish:
            parsed["subnet_id"] = uuid_text(wish["subnet_id"])
        found.append(parsed)
    return found


def address_pairs(value: Any) -> list[dict[str, str]]:
    """Addresses beside its own that a port may send from."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad("Allowed address pairs must be a list.")
    if len(value) > _MOST_PAIRS:
        message = f"The number of allowed address pair exceeds the maximum {_MOST_PAIRS}."
        raise Invalid(message, reason="AllowedAddressPairExhausted")
    found: list[dict[str, str]] = []
    for pair in value:
        parsed = _pair(pair)
        if parsed in found:
            told = f"mac_address {parsed.get('mac_address')} ip_address {parsed['ip_address']}"
            message = f"Request contains duplicate address pair: {told}."
            raise Invalid(message, reason="DuplicateAddressPairInRequest")
        found.append(parsed)
    return found


def _pair(pair: Any) -> dict[str, str]:
    if not isinstance(pair, dict):
        raise Wrong(f"'{pair}' is not a dictionary")
    if "ip_address" not in pair:
        raise Invalid("AllowedAddressPair must contain ip_address", reason="AllowedAddressPairsMissingIP")
    try:
        parsed = {"mac_address": mac(pair["mac_address"])} if "mac_address" in pair else {}
        if extra := sorted(set(pair) - {"mac_address", "ip_address"}):
            raise Wrong(f"Unrecognized attribute(s) '{', '.join(extra)}'")
        text = pair["ip_address"]
        found = _subnet(text) if isinstance(text, str) and "/" in text else address(text)
        if ip_network(found, strict=False).is_multicast:
            raise Wrong(f"IP {found} is a multicast address, which is not supported.")
    except Wrong as wrong:
        raise bad(str(wrong)) from None
    return {**parsed, "ip_address": found}


def _subnet(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise Wrong(f"'{text}' is not a valid IP subnet") from None
    return text


def dhcp_options(value: Any) -> list[dict[str, Any]]:
    """What the DHCP service tells this port beside the usual."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(f"'{value}' is not a list")
    return [_option(option) for option in value]


def _option(option: Any) -> dict[str, Any]:
    fault = invalid(f"No valid key specs matched for: {option}")
    if not isinstance(option, dict) or not {"opt_name", "opt_value"} <= set(option) <= {
        "opt_name", "opt_value", "ip_version",
    }:  # fmt: skip
        raise fault
    version = integer(option.get("ip_version", 4))
    label, text = option["opt_name"], option["opt_value"]
    blank = label in _MAY_BE_BLANK
    fits = isinstance(label, str) and label.strip() and len(label) <= 64 and len(label.splitlines()) == 1
    sound = text is None or (isinstance(text, str) and len(text) <= 255 and (blank or len(text.splitlines()) == 1))
    if not fits or not sound or version not in (4, 6) or (isinstance(text, str) and not text.strip() and not blank):
        raise fault
    return {"opt_name": label, "opt_value": text, "ip_version": version}


PORTS: Attributes = {
    "id": ID,
    "name": NAME,
    "network_id": Attribute(uuid_text, REQUIRED, put=False, field="spec.network_id"),
    "admin_state_up": Attribute(boolean, True, field="spec.admin_state_up", asked=boolean),
    "mac_address": Attribute(mac_or_random, CHOSEN, put=True, field="spec.mac_address", asked=mac_asked),
    "fixed_ips": Attribute(fixed_ips, CHOSEN),
    "device_id": Attribute(string(), "", field="spec.device_id"),
    "device_owner": Attribute(string(), "", field="spec.device_owner"),
    **OWNER,
    "status": STATUS,
    "security_groups": Attribute(list_of(uuid_text), CHOSEN),
    "port_security_enabled": Attribute(boolean, CHOSEN),
    "allowed_address_pairs": Attribute(address_pairs, []),
    "extra_dhcp_opts": Attribute(dhcp_options, []),
    "qos_policy_id": POLICY_ID,
    "qos_network_policy_id": shown("", sorts=False),
    "dns_name": Attribute(port_name, ""),
    "dns_assignment": shown("", sorts=False),
    "binding:vnic_type": Attribute(one_of(*VNIC_TYPES), "normal"),
    "binding:host_id": Attribute(default=CHOSEN, only="nobody"),
    "binding:profile": Attribute(default=CHOSEN, only="nobody"),
    **STANDARD,
    "tags": Attribute(tags, [], put=False),
}
