"""What protects a port: its security groups and address pairs, and whether they fit with its port security.

Called by ports whenever one of these is chosen. It writes nothing but a project's default group, when there is none.
"""

from datetime import datetime
from typing import Any

from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Resource
from vregion.region import security_groups
from vregion.region.regions import Transaction


async def protect(
    tx: Transaction, project_id: str, spec: dict[str, Any], now: datetime, changing: Resource | None = None
) -> dict[str, Any]:
    """Groups and address pairs that fit together with port security (neutron `plugins/ml2/plugin.py`)."""
    groups, secured = spec.get("security_groups"), spec["port_security_enabled"]
    pairs = [{"mac_address": spec["mac_address"], **pair} for pair in spec["allowed_address_pairs"]]
    if pairs and not secured:
        message = "Port Security must be enabled in order to have allowed address pairs on a port."
        raise Conflict(message, reason="AddressPairAndPortSecurityRequired")
    if groups and not secured:
        if changing is not None and groups == changing.spec["security_groups"]:
            message = (
                "Port has security group associated. Cannot disable port security or IP address until security group "
                "is removed."
            )
            raise Conflict(message, reason="PortSecurityPortHasSecurityGroup")
        message = "Port security must be enabled and port must have an IP address in order to use security groups."
        raise Invalid(message, reason="PortSecurityAndIPRequiredForSecurityGroups")
    if groups is None:
        groups = [(await security_groups.default_group(tx, project_id, now)).id] if secured else []
    else:
        for group_id in groups:
            await security_groups.of_project(tx, project_id, group_id)
    return {"security_groups": groups, "allowed_address_pairs": pairs}
