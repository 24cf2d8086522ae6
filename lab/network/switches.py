"""Network namespaces and Open vSwitch: one host per region, one internet, one interconnect.

Per region a namespace stands for the region's host, with its own ovsdb-server and ovs-vswitchd (userspace datapath):
all bridges of one vswitchd would share one connection tracking table, and the firewall's zones are the same numbers
in both regions. Two namespaces are shared: wan (a Linux bridge, the L2 interconnect) and inet (the gateway of the
external networks, with a web server at 198.51.100.1 that answers with the caller's address).

    region:  br-int -- br-ex -- [inet0] ==== [rR] inet
                    \\- br-ic -- [wan0]  ==== [rR] wan (bridge wan)

/run/netns is private to a region's agents: the L3 agent deletes routers that it does not know.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Collection
from pathlib import Path

from lab.configuration import write
from lab.network import ovn
from lab.processes import Word, alive, names, pid_of, run, send, spawn, stop
from lab.regions import Region
from lab.settings import BUS_PORT, SLOT, STATE

INTERNET_IP = "198.51.100.1"
PREFIX = "lab" if SLOT == 0 else f"lab{SLOT}"
WAN, INET = f"{PREFIX}-wan", f"{PREFIX}-inet"
SHARED = ("inet-www", "bus-relay")
SUFFIXES = ("-vswitchd", "-ovsdb", "-site", *ovn.SUFFIXES)


def namespace(region: Region) -> str:
    return f"{PREFIX}-{region.short}"


def database(region: Region) -> str:
    return f"unix:{region.path('ovs', 'db.sock')}"


def process_names() -> list[str]:
    """The data plane's own processes: they outlive the services at `down`."""
    return [name for name in names() if name.endswith(SUFFIXES) or name in SHARED]


def attempt(*command: Word) -> str:
    """Run what may fail; its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return done.stdout


def ip(*words: str) -> str:
    return run(["ip", *words])


def vsctl(region: Region, *words: str) -> str:
    return run(["ovs-vsctl", f"--db={database(region)}", "--timeout=20", *words])


def namespaces() -> list[str]:
    return [line.split()[0] for line in ip("netns", "list").splitlines() if line.strip()]


def add_namespace(name: str) -> None:
    if name not in namespaces():
        ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")


def entering(region: Region) -> list[str]:
    """The words before a command that shall run where the region's agents live."""
    return ["nsenter", "-t", str(pid_of(f"{region.short}-site")), "-m", "-n"]


def enter(number: int, command: list[str]) -> None:
    """Become `command` where region `number` keeps its routers and DHCP servers."""
    words = [*entering(Region(number)), *command]
    os.execvp(words[0], words)


def pair(first: str, inner: str, second: str, outer: str, mtu: int) -> None:
    """A veth pair without checksum offload: the userspace datapath sees the packets as they are."""
    peer = ["peer", "name", outer, "netns", second, "mtu", str(mtu)]
    ip("-n", first, "link", "add", inner, "mtu", str(mtu), "type", "veth", *peer)
    for name, interface in ((first, inner), (second, outer)):
        run(["ip", "netns", "exec", name, "ethtool", "-K", interface, "tx", "off", "rx", "off"])
        ip("-n", name, "link", "set", interface, "up")


def start(regions: list[Region]) -> None:
    """The shared namespaces, then the switches of each region that has some."""
    remove_namespaces()
    add_namespace(WAN)
    ip("-n", WAN, "link", "add", "wan", "type", "bridge")
    ip("-n", WAN, "link", "set", "wan", "up")
    add_namespace(INET)
    run(["ip", "netns", "exec", INET, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
    ip("-n", INET, "addr", "add", f"{INTERNET_IP}/32", "dev", "lo")
    www = STATE / "inet"
    answer = """#!/bin/sh
printf "Content-Type: text/plain\\r\\n\\r\\n%s\\n" "$(echo "$REMOTE_ADDR" | sed "s/.*:ffff://; s/]//")"
"""
    write(www / "cgi-bin" / "ip", answer, 0o755)
    write(www / "index.html", "internet\n")
    spawn("inet-www", ["ip", "netns", "exec", INET, "busybox", "httpd", "-f", "-p", "80", "-h", www])
    listen = f"UNIX-LISTEN:{STATE}/bus.sock,fork,unlink-early"
    spawn("bus-relay", ["socat", listen, f"TCP:127.0.0.1:{BUS_PORT}"])
    for region in regions:
        if region.has_switches:
            start_region(region)


def start_region(region: Region) -> None:
    for name in ("ovs", "vms", "netns", "neutron"):  # nothing of a data plane survives a start
        shutil.rmtree(region.path(name), ignore_errors=True)
    region.path("neutron", "lock").mkdir(parents=True)
    region.path("ovs").mkdir(parents=True)
    add_namespace(namespace(region))
    ip("-n", namespace(region), "addr", "add", f"10.255.{region.number}.1/32", "dev", "lo")
    keep_site(region)
    start_vswitch(region)
    connect(region)
    if region.plane == "ovn":
        ovn.start(region, namespace(region), database(region))
        vsctl(region, "set", "Open_vSwitch", ".", *ovn.chassis(region))


def keep_site(region: Region) -> None:
    """The keeper of the private /run/netns; it is also the agents' way to the bus, their only need outside."""
    private = region.path("netns")
    private.mkdir(parents=True, exist_ok=True)
    relay = f"socat TCP-LISTEN:{BUS_PORT},bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:{STATE}/bus.sock"
    keeper = f"mount --bind {private} /run/netns && exec {relay}"
    unshare = ["unshare", "-m", "--propagation", "private", "sh", "-c", keeper]
    spawn(f"{region.short}-site", ["ip", "netns", "exec", namespace(region), *unshare])


def start_vswitch(region: Region) -> None:
    folder = region.path("ovs")
    inside: list[Word] = ["ip", "netns", "exec", namespace(region)]
    run(["ovsdb-tool", "create", folder / "conf.db", "/usr/share/openvswitch/vswitch.ovsschema"])
    env = {name: str(folder) for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR")}
    remotes = [f"--remote=punix:{folder}/db.sock", "--remote=ptcp:6640:127.0.0.1"]
    server: list[Word] = [
        "ovsdb-server",
        folder / "conf.db",
        *remotes,
        f"--unixctl={folder}/ovsdb.ctl",
        "-vconsole:warn",
    ]
    spawn(f"{region.short}-ovsdb", [*inside, *server], env)
    await_file(folder / "db.sock")
    vsctl(region, "--no-wait", "init")
    vsctl(region, "--no-wait", "set", "Open_vSwitch", ".", f"external-ids:system-id={region.name}")
    daemon = ["ovs-vswitchd", database(region), f"--unixctl={folder}/vswitchd.ctl", "-vconsole:warn"]
    spawn(f"{region.short}-vswitchd", [*inside, *daemon], env)


def await_file(path: Path) -> None:
    end = time.time() + 10
    while not path.exists():
        if time.time() > end:
            raise SystemExit(f"{path} did not appear")
        time.sleep(0.05)


def connect(region: Region) -> None:
    """The cables to the interconnect and to the internet, and the bridges that they end in."""
    home = namespace(region)
    pair(home, "wan0", WAN, region.short, 1600)
    ip("-n", WAN, "link", "set", region.short, "master", "wan")
    pair(home, "inet0", INET, region.short, 1500)
    ip("-n", INET, "addr", "add", f"{region.external_gateway}/24", "dev", region.short)
    for bridge, port in (("br-ic", "wan0"), ("br-ex", "inet0")):
        made = ["--may-exist", "add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev"]
        vsctl(region, *made, "--", "--may-exist", "add-port", bridge, port)


def kill_inside(prefix: list[str], names: list[str]) -> None:
    """End every process in the named network namespaces, by pid."""
    for name in names:
        pids = attempt(*prefix, "ip", "netns", "pids", name).split()
        send((int(pid) for pid in pids if pid.isdigit()), signal.SIGKILL)


def remove_namespaces(servers: Collection[str] = ()) -> None:
    """Those of this lab and of `servers`, with what still runs inside: a lab that was cut off leaves them behind."""
    for name in namespaces():
        if name in servers or name.startswith(f"{PREFIX}-"):
            kill_inside([], [name])
            ip("netns", "del", name)


def stop_all(regions: list[Region]) -> None:
    """After the agents are gone: routers and DHCP servers, servers, then the switches."""
    for region in regions:
        if alive(f"{region.short}-site"):
            inside = attempt(*entering(region), "ip", "netns", "list").splitlines()
            kill_inside(entering(region), [line.split()[0] for line in inside if line.strip()])
    servers = [f"vm-{path.name}" for region in regions for path in region.path("vms").glob("*")]
    kill_inside([], servers)
    stop(process_names(), 5)
    remove_namespaces(servers)
    for name in servers:
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
