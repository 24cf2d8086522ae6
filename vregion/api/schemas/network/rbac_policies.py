"""The attributes of RBAC policies (29.0.0 `neutron/extensions/rbac.py`); their lists have neither order nor pages."""

import uuid
from dataclasses import replace
from typing import Any

from vregion.api.schemas.network.attributes import REQUIRED, Attribute, Attributes
from vregion.api.schemas.network.standard import ID, OWNER
from vregion.api.schemas.network.values import invalid, string, uuid_text
from vregion.region.rbac_policies import RENDER


def object_type(value: Any) -> str:
    """What can be shared."""
    name = str(value).strip().lower()
    if name not in {kind.value for kind in RENDER}:
        raise invalid(f"'{value}' is not a valid RBAC object type")
    return name


def target(value: Any) -> str:
    """A project, or all of them."""
    try:
        return "*" if value == "*" else uuid.UUID(str(value)).hex
    except ValueError:
        raise invalid(f"'{value}' is not a valid target project ID; expected a UUID or '*'") from None


RBAC_POLICIES: Attributes = {
    name: replace(attribute, sorts=False)
    for name, attribute in {
        "id": ID,
        "object_type": Attribute(object_type, REQUIRED, put=False, field="spec.object_type", asked=object_type),
        "object_id": Attribute(uuid_text, REQUIRED, put=False, field="parent_id"),
        "target_tenant": Attribute(target, REQUIRED, field="spec.target_tenant"),
        **OWNER,
        "action": Attribute(string(), REQUIRED, put=False, field="spec.action"),
    }.items()
}
