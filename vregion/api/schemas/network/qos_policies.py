"""The attributes of QoS policies and of their rules (neutron_lib/api/definitions/qos.py and its companions)."""

from collections.abc import Mapping

from vregion.api.schemas.network.attributes import REQUIRED, Attribute, Attributes, shown
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD
from vregion.api.schemas.network.values import between, boolean, integer, one_of, uuid_or_none

_AMOUNT = between(0, 2**31 - 1)
_MARKS = (0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56)

# What networks, ports, floating IPs and gateways have.
POLICY_ID = Attribute(uuid_or_none, None)

POLICIES: Attributes = {
    "id": ID,
    "name": NAME,
    "shared": Attribute(boolean, False, field="spec.shared", asked=boolean, sorts=False),
    **OWNER,
    "rules": shown("", sorts=False),
    "is_default": Attribute(boolean, False, field="spec.is_default", asked=boolean, sorts=False),
    **STANDARD,
}

_LIMIT, _BURST = (Attribute(_AMOUNT, default, field="rule", asked=integer) for default in (REQUIRED, 0))
_DIRECTION = Attribute(one_of("ingress", "egress"), "egress", field="rule")
_UNFILTERED = Attribute(one_of("ingress", "egress"), "egress")  # as Neutron's own extension has it for this type
_ANY_DIRECTION = Attribute(one_of("any", "ingress", "egress"), "egress", field="rule")
_ID = shown("rule")

# By their types; each rule is part of its policy's row.
RULES: Mapping[str, Attributes] = {
    "bandwidth_limit": {"id": _ID, "max_kbps": _LIMIT, "max_burst_kbps": _BURST, "direction": _UNFILTERED},
    "dscp_marking": {"id": _ID, "dscp_mark": Attribute(one_of(*_MARKS, read=integer), REQUIRED, field="rule")},
    "minimum_bandwidth": {"id": _ID, "min_kbps": _LIMIT, "direction": _DIRECTION},
    "minimum_packet_rate": {"id": _ID, "min_kpps": _LIMIT, "direction": _ANY_DIRECTION},
    "packet_rate_limit": {"id": _ID, "max_kpps": _LIMIT, "max_burst_kpps": _BURST, "direction": _DIRECTION},
}
