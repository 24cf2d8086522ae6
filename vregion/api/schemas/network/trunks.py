"""The attributes of trunks (neutron_lib/api/definitions/trunk.py), and of the sub-ports in them."""

from typing import Any

from vregion.api.schemas.network.attributes import REQUIRED, Attribute, Attributes
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD, STATUS
from vregion.api.schemas.network.values import Wrong, boolean, uuid_text

INHERIT = "inherit"


def sub_ports(value: Any) -> list[dict[str, Any]]:
    """Ports with their segments. One that inherits ends Neutron's look at the list (`validate_subports`)."""
    if not isinstance(value, list):
        raise Wrong(f"Invalid data format for subports: '{value}' is not a list")
    seen: set[str] = set()
    used: set[tuple[Any, Any]] = set()
    for one in value:
        if not isinstance(one, dict):
            raise Wrong(f"Invalid data format for subport: '{one}' is not a dict")
        _check_id(one, seen)
        if one.get("segmentation_type") == INHERIT:
            break
        kind, number = one.get("segmentation_type"), one.get("segmentation_id")
        if (not kind or number is None) and len(one) > 1:
            raise Wrong(
                f"Invalid subport details '{one}': missing segmentation information. Must specify both "
                "segmentation_id and segmentation_type"
            )
        if number is not None and (kind, str(number)) in used:
            raise Wrong(f"Segmentation ID '{number}' for '{one['port_id']}' is not unique")
        used.add((kind, str(number)))
    if unsound := [one for one in value if not isinstance(one, dict) or "port_id" not in one]:
        raise Wrong(f"Invalid data format for subport: '{unsound[0]}' is not a dict")
    return value


def _check_id(one: dict[str, Any], seen: set[str]) -> None:
    if "port_id" not in one:
        raise Wrong("A valid port UUID must be specified")
    try:
        port_id = str(uuid_text(one["port_id"]))
    except Wrong:
        raise Wrong(f"Invalid UUID for subport: '{one['port_id']}'") from None
    if port_id in seen:
        raise Wrong(f"Non unique UUID for subport: '{port_id}'")
    seen.add(port_id)


TRUNKS: Attributes = {
    "id": ID,
    "name": NAME,
    "admin_state_up": Attribute(boolean, True, field="spec.admin_state_up", asked=boolean),
    **OWNER,
    "port_id": Attribute(uuid_text, REQUIRED, put=False, field="parent_id"),
    "status": STATUS,
    "sub_ports": Attribute(sub_ports, [], put=False),
    **STANDARD,
}
