"""The network service: Neutron v2.0. What is not served is not in its list of extensions.

Joins this folder's files for `vregion.app`. Nothing here speaks to a backend: every route reads or writes rows.
"""

from vregion.api import operations
from vregion.api.http import Route
from vregion.api.network import (
    address_groups,
    address_scopes,
    agents,
    auto_allocated_topology,
    default_security_group_rules,
    extensions,
    floating_ip_pools,
    floating_ips,
    network_ip_availabilities,
    networks,
    port_forwardings,
    ports,
    qos_policies,
    qos_rules,
    quotas,
    rbac_policies,
    router_flavors,
    routers,
    security_groups,
    subnet_pools,
    subnets,
    tags,
    trunks,
    versions,
)
from vregion.api.network.faults import fault
from vregion.api.service import Versions
from vregion.region.qos_rules import TYPES

OPERATIONS = operations.table("network")
HANDLED: list[Route] = [
    *versions.routes.all,
    *extensions.routes.all,
    *networks.routes.all,
    *subnets.routes.all,
    *ports.routes.all,
    *security_groups.routes.all,
    *default_security_group_rules.routes.all,
    *routers.routes.all,
    *router_flavors.routes.all,
    *floating_ips.routes.all,
    *floating_ip_pools.routes.all,
    *port_forwardings.routes.all,
    *subnet_pools.routes.all,
    *address_scopes.routes.all,
    *address_groups.routes.all,
    *rbac_policies.routes.all,
    *qos_policies.routes.all,
    *qos_rules.routes.all,
    *auto_allocated_topology.routes.all,
    *network_ip_availabilities.routes.all,
    *agents.routes.all,
    *trunks.routes.all,
    *tags.routes.all,
    *quotas.routes.all,
]
ROUTES = [*HANDLED, *operations.refusals(OPERATIONS, HANDLED)]
_WORDS = ("network", "subnet", "port", "security_group", "router", "floatingip", "subnetpool")
_UNTAGGED = ("address_scope", "address_group", "rbac_policy")
_SEEN = (
    "agent",
    "default_security_group_rule",
    "flavor",
    "floatingip_pool",
    "network_ip_availability",
    "service_provider",
)
_FORWARDING = "floatingip_port_forwarding"
_QOS = [f"{parent}_{kind}_rule" for parent in ("policy", "alias") for kind in TYPES]
_OF_ROUTERS = (
    *("add_router_interface", "remove_router_interface", "add_extraroutes", "remove_extraroutes"),
    *(f"{verb}_external_gateways" for verb in ("add", "update", "remove")),
)
_OF_POOLS = ("add_prefixes", "remove_prefixes", "onboard_network_subnets")
_OF_ADDRESSES = ("add_addresses", "remove_addresses")
RULES = {
    **operations.rules(OPERATIONS),
    "get_extension": "any",
    "get_availability_zone": "reader",
    "get_quota": "reader",
    "get_own_project": "any",
    **dict.fromkeys(("get_l3-routers", "get_l3-agents", "create_l3-router", "delete_l3-router"), "admin"),
    "update_quota": "admin",
    "delete_quota": "admin",
    "get_auto_allocated_topology": "reader",
    "delete_auto_allocated_topology": "member",
    **{f"get_{word}": "reader" for word in _SEEN},
    **{f"get_{word}": "reader" for word in (*_WORDS, *_UNTAGGED, "security_group_rule")},
    **{f"{verb}_{word}": "member" for verb in ("create", "update", "delete") for word in (*_WORDS, *_UNTAGGED)},
    "create_security_group_rule": "member",
    "delete_security_group_rule": "member",
    **dict.fromkeys((*_OF_ROUTERS, *_OF_POOLS, *_OF_ADDRESSES), "member"),
    f"get_{_FORWARDING}": "reader",
    **{f"{verb}_{_FORWARDING}": "member" for verb in ("create", "update", "delete")},
    "get_rule_type": "reader",
    **dict.fromkeys(("get_trunk", "get_trunk:tags", "get_subports"), "reader"),
    **dict.fromkeys(("add_subports", "remove_subports"), "member"),
    **{f"{verb}_{word}": "member" for verb in ("create", "update", "delete") for word in ("trunk", "trunk:tags")},
    **{f"get_{word}": "reader" for word in ("policy", "policy:tags", *_QOS)},
    **{
        f"{verb}_{word}": "manager"
        for verb in ("create", "update", "delete")
        for word in ("policy", "policy:tags", *_QOS)
    },
    **{f"get_{word}:tags": "reader" for word in _WORDS},
    **{f"{verb}_{word}:tags": "member" for verb in ("create", "update", "delete") for word in _WORDS},
}
VERSIONS = Versions()
FAULT = fault
documents = versions.documents
