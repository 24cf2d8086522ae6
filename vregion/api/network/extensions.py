"""The extensions that are truly served, by Neutron's own names and dates (neutron_lib/api/definitions).

Clients decide by this list what they may ask for. An extension is added here together with what it promises.
"""

from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network.faults import NO_EXTENSION
from vregion.model.refusals import NotFound

routes = Routes()

# alias, name, updated, what it is
_TABLE = (
    ("aap-reject-multicast", "Allowed address pairs reject multicast extension", "2026-04-01T00:00:00-00:00",
     "Address pairs with multicast addresses are refused"),
    ("address-group", "Address group", "2020-07-15T10:00:00-00:00", "Prefixes under one name"),
    ("address-scope", "Address scope", "2015-07-26T10:00:00-00:00", "Subnet pools that share no address"),
    ("agent", "agent", "2013-02-03T10:00:00-00:00", "The virtual region as an agent, to its administrator"),
    ("agent_sort_key", "Agents Sort Key", "2013-02-03T10:00:00-00:00", "Agents in order"),
    ("allowed-address-pairs", "Allowed Address Pairs", "2013-07-23T10:00:00-00:00",
     "More addresses that a port may use"),
    ("auto-allocated-topology", "Auto Allocated Topology Services", "2016-01-01T00:00:00-00:00",
     "A network behind a router for who asks"),
    ("availability_zone", "Availability Zone", "2015-01-01T10:00:00-00:00", "The list of availability zones"),
    ("availability_zone_filter", "Availability Zone Filter Extension", "2018-06-22T10:00:00-00:00",
     "Filters on availability zones"),
    ("binding", "Port Binding", "2014-02-03T10:00:00-00:00", "The VNIC type of a port"),
    ("default-subnetpools", "Default Subnetpools", "2016-02-18T18:00:00-00:00", "One pool is taken when none is named"),
    ("dns-integration", "DNS Integration", "2015-08-15T18:00:00-00:00", "Names of ports, which their zones resolve"),
    ("dvr", "Distributed Virtual Router", "2014-06-1T10:00:00-00:00",
     "Whether a router is distributed is not a tenant's to see or say"),
    ("empty-string-filtering", "Empty String Filtering Extension", "2018-05-01T10:00:00-00:00",
     "Empty values in filters"),
    ("expose-port-forwarding-in-fip", "Expose Floating IP port forwardings", "2018-06-28T16:00:00-00:00",
     "Port forwardings in a floating IP's document"),
    ("ext-gw-mode", "Neutron L3 Configurable external gateway mode", "2013-03-28T10:00:00-00:00",
     "Whether a gateway translates addresses is shown"),
    ("external-gateway-multihoming", "Neutron L3 External Gateway Multihoming", "2023-01-18T00:00:00-00:00",
     "Several gateways of a router, in zones that can"),
    ("external-net", "Neutron external network", "2013-01-14T10:00:00-00:00", "Which networks are external"),
    ("extra_dhcp_opt", "Neutron Extra DHCP options", "2013-03-17T12:00:00-00:00", "DHCP options per port"),
    ("extraroute", "Neutron Extra Route", "2013-02-01T10:00:00-00:00", "Extra routes of routers"),
    ("extraroute-atomic", "Atomically add/remove extra routes", "2019-07-10T00:00:00+00:00",
     "Some of a router's extra routes changed, the others left"),
    ("filter-validation", "Filter parameters validation", "2018-07-04T10:00:00-00:00", "Unknown filters are refused"),
    ("fip-port-details", "Floating IP Port Details Extension", "2018-04-09T10:00:00-00:00",
     "A floating IP tells of its port"),
    ("flavors", "Neutron Service Flavors", "2015-09-17T10:00:00-00:00", "A list of flavors, which is empty"),
    ("floating-ip-port-forwarding", "Floating IP Port Forwarding", "2018-01-19T10:00:00-00:00",
     "Ports of a floating IP lead to instances"),
    ("floating-ip-port-forwarding-description", "Floating IP Port Forwarding new attribute description",
     "2019-11-01T10:00:00-00:00", "Descriptions of port forwardings"),
    ("floating-ip-port-forwarding-detail", "Floating IP port forwarding detail", "2022-05-06T10:00:00-00:00",
     "Port forwardings in floating IPs with their ids"),
    ("floating-ip-port-forwarding-port-ranges", "Floating IP Port Forwarding support port ranges",
     "2020-07-01T10:00:00-00:00", "Port forwardings of several ports"),
    ("floating-ip-router-writable", "Floating IP Router (writable)", "2026-08-05T00:00:00-00:00",
     "Which of a subnet's routers a floating IP leads through"),
    ("floatingip-pools", "Floating IP Pools Extension", "2018-03-21T10:00:00-00:00",
     "The subnets that floating IPs come from"),
    ("ip-substring-filtering", "IP address substring filtering", "2017-11-28T09:00:00-00:00",
     "Ports by a part of their addresses"),
    ("l3-ha", "HA Router extension", "2014-04-26T00:00:00-00:00",
     "Whether a router is highly available is not a tenant's to see or say"),
    ("l3-port-ip-change-not-allowed", "Prevent L3 router ports IP address change extension",
     "2018-10-09T10:00:00-00:00", "The addresses of routers' interfaces stay"),
    ("l3_agent_scheduler", "L3 Agent Scheduler", "2013-02-07T10:00:00-00:00",
     "A router taken off the region's agent, and put on it again"),
    ("net-mtu", "Network MTU", "2015-03-25T10:00:00-00:00", "The MTU of a network"),
    ("net-mtu-writable", "Network MTU (writable)", "2017-07-12T00:00:00-00:00", "The MTU may be chosen"),
    ("network-ip-availability", "Network IP Availability", "2015-09-24T00:00:00-00:00",
     "How many addresses are there and taken"),
    ("network-ip-availability-details", "Network IP Availability Details Extension", "2025-10-31T00:00:00-00:00",
     "The same, in the pools and beside them"),
    ("network_availability_zone", "Network Availability Zone", "2015-01-01T10:00:00-00:00",
     "Hints for the zone of a network"),
    ("pagination", "Pagination support", "2016-06-12T00:00:00-00:00", "Lists in pages"),
    ("port-mac-address-regenerate", "Neutron Port MAC address regenerate", "2018-05-03T10:00:00-00:00",
     "Another MAC by null"),
    ("port-security", "Port Security", "2012-07-23T10:00:00-00:00", "Protection against spoofed addresses"),
    ("port-security-groups-filtering", "Port filtering on security groups", "2018-01-09T09:00:00-00:00",
     "Ports by their security groups"),
    ("project-id", "project_id field enabled", "2016-09-09T09:09:09-09:09", "project_id beside tenant_id"),
    ("qos", "Quality of Service", "2015-06-08T10:00:00-00:00", "QoS policies with their rules"),
    ("qos-bw-limit-direction", "Direction for QoS bandwidth limit rule", "2017-04-10T10:00:00-00:00",
     "Bandwidth limits in either direction"),
    ("qos-bw-minimum-ingress", "Ingress direction for QoS minimum bandwidth rule", "2018-07-09T10:00:00-00:00",
     "Guaranteed bandwidth in either direction"),
    ("qos-default", "QoS default policy", "2017-041-06T10:00:00-00:00", "The policy of a project's new networks"),
    ("qos-fip", "Floating IP QoS", "2017-07-20T00:00:00-00:00", "QoS policies of floating IPs"),
    ("qos-gateway-ip", "Router gateway IP QoS", "2018-02-24T00:00:00-00:00", "QoS policies of routers' gateways"),
    ("qos-port-network-policy", "QoS port network policy ID", "2019-11-01T10:00:00-00:00",
     "A port shows its network's policy"),
    ("qos-pps", "QoS Rule Type Packet per Second Extension", "2021-05-12T10:00:00-00:00", "Limits of packet rates"),
    ("qos-pps-minimum", "QoS minimum packet rate rule", "2021-07-14T10:00:00-00:00", "Guaranteed packet rates"),
    ("qos-pps-minimum-rule-alias", "QoS minimum packet rate rule alias", "2021-10-22T10:00:00-00:00",
     "Guaranteed packet rates without their policy"),
    ("qos-rule-type-details", "Details of QoS rule types", "2017-06-22T10:00:00-00:00",
     "Which zones carry out a type of rule"),
    ("qos-rule-type-filter", "Allow to filter the list of QoS rule types", "2022-02-02T10:00:00-00:00",
     "Rule types of all zones, of some, or all there are"),
    ("qos-rules-alias", "Quality of Service rules alias API", "2018-10-07T10:00:00-00:00",
     "Rules without their policy"),
    ("quota-check-limit", "Quota engine limit check", "2021-09-08T16:00:00-00:00",
     "Limits are compared with what is used"),
    ("quota-check-limit-default", "Quota engine limit check by default", "2024-08-21T16:00:00-00:00",
     "They always are, unless forced"),
    ("quota_details", "Quota details management support", "2017-02-10T10:00:00-00:00", "Usage beside the limits"),
    ("quotas", "Quota management support", "2012-07-29T10:00:00-00:00", "The limits of a project"),
    ("rbac-address-group", "Add address_group type to RBAC", "2021-01-20T00:00:00-00:00", "Shared address groups"),
    ("rbac-address-scope", "Add address_scope type to RBAC", "2020-02-12T00:00:00-00:00", "Shared address scopes"),
    ("rbac-policies", "RBAC Policies", "2015-06-17T12:15:12-00:00", "What projects share with each other"),
    ("rbac-security-groups", "Add security_group type to network RBAC", "2019-02-14T00:00:00-00:00",
     "Shared security groups"),
    ("rbac-subnetpool", "Add subnetpool type to RBAC", "2020-02-05T00:00:00-00:00", "Shared subnet pools"),
    ("revision-if-match", "If-Match constraints based on revision_number", "2016-12-11T00:00:00-00:00",
     "Changes of a known revision only"),
    ("router", "Neutron L3 Router", "2012-07-20T10:00:00-00:00", "Routers and floating IPs"),
    ("router_availability_zone", "Router Availability Zone", "2015-01-01T10:00:00-00:00",
     "In which zones a router is"),
    ("security-group", "security-group", "2012-10-05T10:00:00-00:00", "Security groups and their rules"),
    ("security-groups-default-rules", "Default rules for security groups", "2022-12-19T10:00:00-00:00",
     "The rules that groups begin with"),
    ("security-groups-normalized-cidr", "Normalized CIDR field for security group rules", "2020-07-28T10:00:00-00:00",
     "A rule's prefix without host bits"),
    ("security-groups-remote-address-group", "Remote address group id field for security group rules",
     "2020-08-25T10:00:00-00:00", "Rules that name address groups"),
    ("security-groups-rules-belongs-to-default-sg",
     "Security group rule belongs to the project's default security group",
     "2023-05-23T10:00:00-00:00", "Whether a rule is one of the default group's"),
    ("security-groups-shared-filtering", "Security group filtering on the shared field", "2021-10-05T09:00:00-00:00",
     "Groups by whether they are shared"),
    ("service-type", "Neutron Service Type Management", "2013-01-20T00:00:00-00:00",
     "A list of service providers, which is empty"),
    ("sorting", "Sorting support", "2016-06-12T00:00:00-00:00", "Sorted lists"),
    ("standard-attr-description", "standard-attr-description", "2016-02-10T10:00:00-00:00", "Descriptions"),
    ("standard-attr-revisions", "Resource revision numbers", "2016-04-11T10:00:00-00:00", "Counts changes"),
    ("standard-attr-tag",
     "Tag support for resources with standard attribute: port, subnet, subnetpool, network, security_group, router, "
     "floatingip, policy, trunk",
     "2017-01-01T00:00:00-00:00", "Tags"),
    ("standard-attr-timestamp", "Resource timestamps", "2016-09-12T10:00:00-00:00", "Times of creation and change"),
    ("stateful-security-group", "Stateful security group", "2019-11-26T09:00:00-00:00", "Stateless security groups"),
    ("subnet-service-types", "Subnet service types", "2016-03-15T18:00:00-00:00", "For whose ports a subnet is"),
    ("subnet_allocation", "Subnet Allocation", "2015-03-30T10:00:00-00:00", "Subnets out of pools"),
    ("subnet_onboard", "Subnet Onboard", "2018-12-18T09:00:00-00:00", "Subnets that are there, into a pool"),
    ("subnetpool-prefix-ops", "Subnet Pool Prefix Operations", "2019-02-08T10:00:00-00:00",
     "Some of a pool's prefixes changed, the others left"),
    ("subnet-external-network", "Subnet belongs to an external network", "2024-02-05T18:00:00-00:00",
     "Which subnets are of an external network"),
    ("tag-ports-during-bulk-creation", "Tag Ports During Bulk Creation", "2019-12-29T19:00:00-00:00",
     "Tags in the create request of a port"),
    ("trunk", "Trunk Extension", "2016-01-01T10:00:00-00:00", "Several networks of a server through one port"),
    ("trunk-details", "Trunk port details", "2016-01-01T10:00:00-00:00", "A trunk's parent port shows its sub-ports"),
    ("tag-creation", "Tag creation extension", "2024-23-07T10:00:00-00:00", "Several tags at once"),
)  # fmt: skip


def _document(alias: str, name: str, updated: str, description: str) -> dict[str, Any]:
    return {"name": name, "alias": alias, "description": description, "updated": updated, "links": []}


EXTENSIONS = {row[0]: _document(*row) for row in _TABLE}


@routes.get("/extensions", policy="get_extension")
async def index(call: Call) -> Reply:
    """All of them."""
    return Reply({"extensions": list(EXTENSIONS.values())})


@routes.get("/extensions/{alias}", policy="get_extension")
async def show(call: Call) -> Reply:
    """One of them."""
    alias = call.path["alias"]
    if alias not in EXTENSIONS:
        raise NotFound(f"Extension with alias {alias} does not exist", reason=NO_EXTENSION)
    return Reply({"extension": EXTENSIONS[alias]})
