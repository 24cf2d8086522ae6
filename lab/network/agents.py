"""Neutron's own agents (L2, L3, DHCP) and its RPC server, for a region on ML2/OVS.

lab.launch starts them inside the region's namespace. The L3 and DHCP agents come after the RPC server listens: their
first call would be lost otherwise, and they wait a minute before the next.
"""

import time

from lab import bus
from lab.cloud import Cloud
from lab.configuration import QUIET, RABBIT, Section, locks, render, write
from lab.network import switches
from lab.processes import Word, pid_of, session_pids, spawn, wait_log
from lab.regions import Region
from lab.settings import BIN, PIDS, RUNTIME

SWITCH_AGENT = "neutron-openvswitch-agent"
LATER = ("neutron-l3-agent", "neutron-dhcp-agent")
PRIVSEP = ("", "_dhcp_release", "_ovs_vsctl", "_namespace", "_conntrack", "_link")


def configure(region: Region) -> None:
    """One file for the three agents."""
    path = region.etc("neutron", "agents.conf")
    helper: Section = {"helper_command": f"{BIN}/privsep-helper --config-file {path}"}
    mappings = f"{region.profile.flat}:br-ex,{region.profile.vlan}:br-ic"
    sections: dict[str, Section] = {
        "DEFAULT": {
            **QUIET,
            "host": region.compute_host,  # binding fails when it is not nova-compute's
            "state_path": region.path("neutron"),
            "transport_url": bus.url(region),
            "interface_driver": "labnet.LabOVSInterfaceDriver",
            "agent_mode": "legacy",
            "enable_metadata_proxy": "false",
            "enable_isolated_metadata": "false",
            "resync_interval": 3,
            "periodic_fuzzy_delay": 0,
            "rpc_response_max_timeout": 60,
            "external_pids": region.path("neutron", "external", "pids"),
        },
        "ovs": {
            "datapath_type": "netdev",
            "integration_bridge": "br-int",
            "tunnel_bridge": "br-tun",
            "local_ip": f"10.255.{region.number}.1",
            "ovsdb_connection": "tcp:127.0.0.1:6640",
            "bridge_mappings": mappings,
            "qos_meter_bandwidth": "true",  # policing is the kernel's, which does not see this datapath
        },
        "agent": {
            "root_helper": "",
            "root_helper_daemon": "",
            "tunnel_types": "vxlan",
            "polling_interval": 1,
            "report_interval": 10,
            "extensions": "qos,fip_qos,port_forwarding",  # each agent takes those that it has
            "l2_population": "false",
        },
        "securitygroup": {"enable_security_group": "true", "firewall_driver": "openvswitch", "enable_ipset": "true"},
        "oslo_concurrency": locks(region, "neutron"),
        "oslo_messaging_rabbit": RABBIT,
        **{f"privsep{suffix}": helper for suffix in PRIVSEP},
    }
    write(path, render(sections))


def start_rpc(region: Region, env: dict[str, str]) -> None:
    command: list[Word] = [BIN / "neutron-rpc-server"]
    for name in ("neutron.conf", "ml2_conf.ini"):
        command += ["--config-file", region.etc("neutron", name)]
    spawn(f"{region.short}-neutron-rpc", command, env)


def start_switch_agent(region: Region, env: dict[str, str]) -> None:
    start_agent(region, SWITCH_AGENT, env)


def start_agent(region: Region, name: str, env: dict[str, str]) -> None:
    program: list[Word] = [BIN / "python", "-P", RUNTIME / "agent.py", name]
    options: list[Word] = ["--config-file", region.etc("neutron", "agents.conf")]
    inside = {**env, "OVS_RUNDIR": str(region.path("ovs"))}
    spawn(f"{region.short}-{name}", [*switches.entering(region), *program, *options], inside)


def start(region: Region, env: dict[str, str]) -> None:
    """The L3 and DHCP agents, once the RPC server has its worker."""
    rpc = f"{region.short}-neutron-rpc"
    wait_log(rpc, "Selected multiprocessing start method")
    end = time.time() + 20
    while len(session_pids(pid_of(rpc))) < 2 and time.time() < end:
        time.sleep(0.2)
    time.sleep(1)  # the worker forks before it subscribes to its topics
    for name in LATER:
        start_agent(region, name, env)


def missing(cloud: Cloud) -> str:
    """Which agents have not reported yet, "" when all have."""
    region = cloud.region
    if not region.has_switches:
        return ""
    listed = [agent for agent in cloud("neutron", "GET", "/v2.0/agents")["agents"] if agent["alive"]]
    if region.plane == "ovn":
        return "" if any(agent["binary"] == "ovn-controller" for agent in listed) else "no chassis"
    absent = set()
    for name in (SWITCH_AGENT, *LATER):
        born = (PIDS / f"{region.short}-{name}.pid").stat().st_mtime
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(born))
        if not any(agent["binary"] == name and agent["heartbeat_timestamp"] >= stamp for agent in listed):
            absent.add(name)
    return f"no report of {sorted(absent)}" if absent else ""
