"""Our tables of attributes against the real Neutron's: nothing is missing or different without a reason given here."""

import json
from typing import Any

import pytest

from tests.unit.network.neutron_attributes import FILE
from vregion.api.network import (
    address_groups,
    address_scopes,
    extensions,
    floating_ips,
    networks,
    ports,
    rbac_policies,
    routers,
    security_groups,
    subnet_pools,
    subnets,
)
from vregion.api.schemas.network.attributes import Attribute, Attributes
from vregion.api.schemas.network.floating_ips import PORT_FORWARDINGS

REAL: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
OURS: dict[str, Attributes] = {
    "address_groups": address_groups.NOUN.attributes,
    "address_scopes": address_scopes.NOUN.attributes,
    "floatingips": floating_ips.NOUN.attributes,
    "networks": networks.NOUN.attributes,
    "port_forwardings": PORT_FORWARDINGS,
    "ports": ports.NOUN.attributes,
    "rbac_policies": rbac_policies.NOUN.attributes,
    "routers": routers.NOUN.attributes,
    "security_group_rules": security_groups.RULE.attributes,
    "security_groups": security_groups.GROUP.attributes,
    "subnetpools": subnet_pools.NOUN.attributes,
    "subnets": subnets.NOUN.attributes,
}
# Extensions that are not served, whose attributes are unrecognized, and why.
HOSTS = "it is about a backend's hosts and hardware"
ZONES = "each zone has its own: one answer for all would be wrong"
NAMES = "no zone's name service is ours"
NEVER = "Neutron 29 has its definition only: no plugin of its offers it"
REFUSED = {
    "data-plane-status": HOSTS,
    "port-device-profile": HOSTS,
    "port-hardware-offload-type": HOSTS,
    "port-hints": HOSTS,
    "port-numa-affinity-policy": HOSTS,
    "port-resource-request": HOSTS,
    "port-trusted-vif": HOSTS,
    "uplink-status-propagation": HOSTS,
    "ip_allocation": HOSTS,
    "l2_adjacency": "a network without segments is one broadcast domain",
    "multi-provider": "segments are the provider's",
    "segment": "segments are the provider's",
    "network_ha": ZONES,
    "floating-ip-distributed": ZONES,
    "pvlan": ZONES,
    "qinq": ZONES,
    "vlan-transparent": ZONES,
    "evpn": ZONES,
    "ovn-bgp": ZONES,
    "enable-default-route-bfd": ZONES,
    "enable-default-route-ecmp": ZONES,
    "dns-domain-ports": NAMES,
    "subnet-dns-publish-fixed-ip": NAMES,
    "expose-l3-conntrack-helper": "the zones' Neutrons rarely load it",
    "l3-ext-ndp-proxy": "the zones' Neutrons rarely load it",
    "router-enable-snat": "whether a gateway translates takes the zone's own admin",
    "router-service-type": "there is one kind of router",
    "project-default-networks": NEVER,
    "qos-fip-network-policy": NEVER,
}
# Attributes that an extension of ours has and we do not.
ABSENT = {
    ("ports", "binding:vif_details"): "where a port is plugged in is the zone's, and shown to nobody",
    ("ports", "binding:vif_type"): "where a port is plugged in is the zone's, and shown to nobody",
    ("ports", "trunk_details"): "a trunk's parent shows it; it cannot be set, filtered or sorted by",
}
# What our table says otherwise: (post, put, filter, sort).
HIDDEN = "the provider's, never shown: there is nothing to filter by"
UNSORTED = "Neutron 29 says that it sorts by it, and refuses or fails (seen)"
DIFFERENT = {
    ("address_scopes", "shared"): UNSORTED,
    ("subnetpools", "shared"): UNSORTED,
    ("networks", "availability_zone_hints"): UNSORTED,
    ("networks", "mtu"): "the definition is net-mtu's; with net-mtu-writable, which is served, it may be given",
    ("networks", "provider:network_type"): HIDDEN,
    ("networks", "provider:physical_network"): HIDDEN,
    ("networks", "provider:segmentation_id"): HIDDEN,
    ("ports", "binding:host_id"): HIDDEN,
    ("floatingips", "router_id"): "the definition is l3's; with floating-ip-router-writable it may be given",
    ("ports", "fixed_ips"): "a filter by a table of its own (`api.network.ports`)",
    ("port_forwardings", "description"): "we sort by it, too",
    ("security_group_rules", "normalized_cidr"): "Neutron 29 says that it filters and sorts by it, and does not (seen)",
    ("routers", "flavor_id"): "there are no flavors",
    ("routers", "status"): "we filter by it, too",
}
EACH = [pytest.param(collection, name, id=f"{collection} {name}") for collection, real in REAL.items() for name in real]


def says(attribute: Attribute) -> list[bool]:
    shown = bool(attribute.field)
    return [attribute.post, attribute.put, shown, shown and attribute.sorts]


@pytest.mark.parametrize(("collection", "name"), EACH)
def test_each_attribute_is_there_or_has_a_reason(collection: str, name: str) -> None:
    alias, *real = REAL[collection][name]
    ours = OURS[collection].get(name)
    if ours is None:
        assert alias in REFUSED or (collection, name) in ABSENT
    else:
        assert (says(ours) == real) != ((collection, name) in DIFFERENT)


def test_every_noun_is_compared() -> None:
    assert REAL.keys() == OURS.keys()


def test_reasons_are_not_older_than_what_they_excuse() -> None:
    assert not REFUSED.keys() & extensions.EXTENSIONS.keys()
    assert all(name in REAL[collection] and name not in OURS[collection] for collection, name in ABSENT)
    assert REFUSED.keys() == {alias for real in REAL.values() for alias, *_ in real.values()} & REFUSED.keys()
