"""The attributes of address groups (neutron_lib/api/definitions/address_group.py); they have no tags."""

from typing import Any

from vregion.api.schemas.network.attributes import CHOSEN, Attribute, Attributes
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD
from vregion.api.schemas.network.values import subnet_list


def addresses(value: Any) -> list[str]:
    """A list of CIDRs; null is an empty one."""
    return subnet_list([] if value is None else value)


ADDRESS_GROUPS: Attributes = {
    "id": ID,
    "name": NAME,
    "description": STANDARD["description"],
    **OWNER,
    "addresses": Attribute(addresses, [], put=False),
    "shared": Attribute(default=CHOSEN, post=False, put=False),
    **{key: value for key, value in STANDARD.items() if key != "tags"},
}
