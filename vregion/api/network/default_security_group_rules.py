"""The rules that new security groups begin with: Neutron's own (29.0.0 `neutron/db/securitygroups_db.py`).

They are the same for all; nobody in a tenant changes them. `region.security_groups` makes them.
"""

import uuid
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing
from vregion.api.schemas.network.attributes import shown
from vregion.model.refusals import NotFound
from vregion.region.security_group_rules import EGRESS, Rule

routes = Routes()
_NAMESPACE = uuid.UUID("0f4a5c7e-3c1b-5b53-9a53-0c0f6ff7f2aa")
_NONE = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_address_group_id")
_SORTS = {key: shown(key) for key in ("id", "ethertype", "direction", "remote_group_id", *_NONE)}
_WORD = "default_security_group_rule"


def _document(rule: Rule, direction: str) -> dict[str, Any]:
    inward = direction == "ingress"
    return {
        "id": str(uuid.uuid5(_NAMESPACE, f"{direction} {rule['ethertype']}")),
        "ethertype": rule["ethertype"],
        "direction": direction,
        **dict.fromkeys(_NONE),
        "remote_group_id": "PARENT" if inward else None,
        "description": f"Legacy default SG rule for {direction} traffic",
        "used_in_default_sg": True,
        "used_in_non_default_sg": not inward,
    }


RULES = [_document(rule, direction) for direction in ("egress", "ingress") for rule in EGRESS]


@routes.get("/default-security-group-rules", policy="get_default_security_group_rule")
async def index(call: Call) -> Reply:
    """What a new group has; PARENT stands for the group itself."""
    return listing.few(call, f"{_WORD}s", RULES, sorts=_SORTS)


@routes.get("/default-security-group-rules/{id}", policy="get_default_security_group_rule")
async def show(call: Call) -> Reply:
    """One of them."""
    for rule in RULES:
        if rule["id"] == call.path["id"]:
            return Reply({_WORD: rule})
    message = f"Default Security Group rule {call.path['id']} does not exist"
    raise NotFound(message, reason="DefaultSecurityGroupRuleNotFound")
