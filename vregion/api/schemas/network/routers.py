"""The attributes of routers (neutron_lib/api/definitions/l3.py, l3_ext_gw_mode.py, extraroute.py, ...)."""

from collections.abc import Callable
from typing import Any

from vregion.api.schemas.network.attributes import CHOSEN, Attribute, Attributes, shown
from vregion.api.schemas.network.networks import hints
from vregion.api.schemas.network.ports import fixed_ips
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD
from vregion.api.schemas.network.subnets import host_routes
from vregion.api.schemas.network.values import Wrong, boolean, name, uuid_or_none, uuid_text

PROVIDER = "provider"  # no persona of a tenant: each zone has its own way
_GATEWAY = ("network_id", "external_fixed_ips", "enable_snat", "qos_policy_id")


def boolean_or_none(value: Any) -> bool | None:
    """True, false or null."""
    return None if value is None else boolean(value)


def gateway(value: Any) -> dict[str, Any] | None:
    """Where the outside is; empty: nowhere (neutron_lib validators `validate_dict`)."""
    if not value:
        return None
    if not isinstance(value, dict):
        raise Wrong(f"'{value}' is not a dictionary")
    if "network_id" not in value:
        raise Wrong(
            f"Validation of dictionary's keys failed. Expected keys: {{'network_id'}} Provided keys: {set(value)}"
        )
    if unexpected := [key for key in value if key not in _GATEWAY]:
        raise Wrong(f"Unexpected keys supplied: {', '.join(unexpected)}")
    read = {
        "network_id": uuid_text, "external_fixed_ips": fixed_ips, "enable_snat": boolean, "qos_policy_id": uuid_or_none,
    }  # fmt: skip
    return {key: read[key](value[key]) for key in _GATEWAY if key in value}


Gateways = list[dict[str, Any]]


def _network(value: Any) -> str | None:
    """Any text: one that is no id is no network's."""
    return None if value is None else name(value)


_SEVERAL: dict[str, Callable[[Any], Any]] = {
    "network_id": _network, "external_fixed_ips": fixed_ips, "enable_snat": boolean, "qos_policy_id": uuid_or_none,
}  # fmt: skip


def gateways(value: Any) -> Gateways:
    """Several: each names a network, if only null; what Neutron does not know of one it passes over, and so do we."""
    if not value:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) and "network_id" in one for one in value):
        raise Wrong(f"'{value}' is not a list of gateways")
    return [{key: _SEVERAL[key](one[key]) for key in _GATEWAY if key in one} for one in value]


ROUTERS: Attributes = {
    "id": ID,
    "name": NAME,
    "admin_state_up": Attribute(boolean, True, field="spec.admin_state_up", asked=boolean),
    "status": shown("status"),
    **OWNER,
    "external_gateway_info": Attribute(gateway, None),
    "external_gateways": shown("", sorts=False),
    "routes": Attribute(host_routes, CHOSEN, post=False),
    "availability_zones": shown("", sorts=False),
    "availability_zone_hints": Attribute(hints, [], put=False),
    "flavor_id": Attribute(default=CHOSEN, put=False, only="nobody"),
    "ha": Attribute(boolean_or_none, CHOSEN, only=PROVIDER),
    "distributed": Attribute(boolean_or_none, CHOSEN, only=PROVIDER),
    **STANDARD,
}
