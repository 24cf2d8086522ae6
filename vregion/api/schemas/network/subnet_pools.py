"""The attributes of subnet pools (neutron_lib/api/definitions/subnetpool.py, address_scope.py, standard attributes)."""

from typing import Any

from vregion.api.schemas.network.attributes import CHOSEN, REQUIRED, Attribute, Attributes, shown
from vregion.api.schemas.network.standard import ID, OWNER, STANDARD
from vregion.api.schemas.network.values import Wrong, boolean, integer, name, non_negative, subnet_list, uuid_or_none


def filled_name(value: Any) -> str:
    """A name that says something."""
    if isinstance(value, str) and not value.strip():
        raise Wrong(f"'{value}' Blank strings are not permitted")
    return name(value)


def _version(text: str) -> int:
    """Neutron compares it as a text: what is no number is nobody's version, and no error as it is elsewhere."""
    return int(text) if text.isdecimal() else 0


def _number(field: str) -> Attribute:
    return Attribute(non_negative, CHOSEN, field=f"spec.{field}", asked=integer)


SUBNET_POOLS: Attributes = {
    "id": ID,
    "name": Attribute(filled_name, REQUIRED, field="name"),
    **OWNER,
    "prefixes": Attribute(subnet_list, REQUIRED),
    "default_quota": _number("default_quota"),
    "ip_version": shown("spec.ip_version", asked=_version),
    "default_prefixlen": _number("default_prefixlen"),
    "min_prefixlen": _number("min_prefixlen"),
    "max_prefixlen": _number("max_prefixlen"),
    "is_default": Attribute(boolean, False, field="spec.is_default", asked=boolean, only="admin"),
    "shared": Attribute(boolean, False, put=False, field="spec.shared", asked=boolean, sorts=False, only="admin"),
    "address_scope_id": Attribute(uuid_or_none, CHOSEN, field="spec.address_scope_id"),
    **STANDARD,
}
