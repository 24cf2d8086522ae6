"""Neutron: ML2 on the data plane that the region has.

plain: the lab's own mechanism driver binds each port and calls it ACTIVE, no agents. ovs: the stock driver and
agents. ovn: the stock OVN driver, no agents. Each region has one flat physical network to the outside and one with
VLANs, the interconnect, under names of its own.
"""

from lab import bus
from lab.configuration import QUIET, RABBIT, Section, credential, database_of, locks, render, token_check, write
from lab.regions import Region
from lab.settings import VENV

PLUGINS = {"plain": "labrouter,qos,trunk", "ovs": "router,qos,trunk,port_forwarding", "ovn": "ovn-router,qos,trunk"}
DRIVERS = {"plain": "lab", "ovs": "openvswitch", "ovn": "ovn"}
UNLIMITED = ("network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule")


def defaults(region: Region) -> Section:
    return {
        **QUIET,
        "state_path": region.path("neutron"),
        "transport_url": bus.url(region),
        "core_plugin": "ml2",
        "service_plugins": PLUGINS[region.plane],
        "auth_strategy": "keystone",
        "notify_nova_on_port_status_changes": "true",
        "notify_nova_on_port_data_changes": "true",
        "api_paste_config": VENV / "etc/neutron/api-paste.ini",
        "dhcp_agents_per_network": 1,
        "rpc_workers": 1 if region.has_switches else 0,
        "rpc_state_report_workers": 0,
        "agent_down_time": 30,
        "dns_domain": f"{region.name}.example.",
        "max_allowed_address_pair": 50,
    }


def ml2(region: Region) -> dict[str, Section]:
    sections: dict[str, Section] = {
        "ml2": {
            "type_drivers": "flat,vlan,vxlan,geneve",
            "tenant_network_types": "geneve" if region.plane == "ovn" else "vxlan",
            "mechanism_drivers": DRIVERS[region.plane],
            "overlay_ip_version": 4,
            "extension_drivers": "port_security,qos,dns",
        },
        "ml2_type_flat": {"flat_networks": region.profile.flat},
        "ml2_type_vlan": {"network_vlan_ranges": f"{region.profile.vlan}:1000:1999"},
        "ml2_type_vxlan": {"vni_ranges": "1:16000"},
        "ml2_type_geneve": {"vni_ranges": "1:16000", "max_header_size": 38},
        "securitygroup": {
            "enable_security_group": "true",
            "firewall_driver": "openvswitch" if region.has_switches else "noop",
        },
    }
    if region.plane == "ovn":
        north, south = (f"unix:{region.path('ovs', name)}" for name in ("nb.sock", "sb.sock"))
        connections: Section = {"ovn_nb_connection": north, "ovn_sb_connection": south}
        sections["ovn"] = {**connections, "ovn_metadata_enabled": "false"}
    return sections


def configure(region: Region) -> None:
    sections: dict[str, Section] = {
        "DEFAULT": defaults(region),
        "database": database_of(region, "neutron"),
        "keystone_authtoken": token_check(region, "neutron"),
        "nova": credential(region, "neutron"),
        "placement": credential(region, "neutron"),
        "quotas": {f"quota_{resource}": -1 for resource in UNLIMITED},
        "oslo_concurrency": locks(region, "neutron"),
        "oslo_messaging_rabbit": RABBIT,
        "agent": {"root_helper": ""},
    }
    write(region.etc("neutron", "neutron.conf"), render(sections))
    write(region.etc("neutron", "ml2_conf.ini"), render(ml2(region)))
