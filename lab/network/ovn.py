"""OVN in one region: its two databases, northd and ovn-controller on the userspace datapath.

lab.network.switches starts it after Open vSwitch. The programs come from Debian's packages, unpacked under
LAB_HOME/ovn by `install --net`, never installed as services.
"""

import time
from pathlib import Path

from lab.processes import Word, run, spawn
from lab.regions import Region
from lab.settings import HOME

PROGRAMS = HOME / "ovn" / "usr"
SUFFIXES = ("-ovnnb", "-ovnsb", "-northd", "-ovncontroller")


def start(region: Region, namespace: str, switch_database: str) -> None:
    folder = region.path("ovs")
    for name in ("nb", "sb"):
        schema = PROGRAMS / "share" / "ovn" / f"ovn-{name}.ovsschema"
        run(["ovsdb-tool", "create", folder / f"{name}.db", schema])
        options = [f"--remote=punix:{folder}/{name}.sock", f"--unixctl={folder}/{name}.ctl", "-vconsole:warn"]
        spawn(f"{region.short}-ovn{name}", ["ovsdb-server", folder / f"{name}.db", *options])
    await_sockets(folder)
    env = {"OVS_RUNDIR": str(folder), "OVN_RUNDIR": str(folder)}
    databases = [f"--ovn{name}-db=unix:{folder}/{name}.sock" for name in ("nb", "sb")]
    northd: list[Word] = [PROGRAMS / "bin" / "ovn-northd", *databases, f"--unixctl={folder}/northd.ctl"]
    spawn(f"{region.short}-northd", [*northd, "-vconsole:warn"], env)
    controller: list[Word] = [PROGRAMS / "bin" / "ovn-controller", switch_database, "-vconsole:warn"]
    spawn(f"{region.short}-ovncontroller", ["ip", "netns", "exec", namespace, *controller], env)


def await_sockets(folder: Path) -> None:
    end = time.time() + 10
    while not all((folder / f"{name}.sock").exists() for name in ("nb", "sb")):
        if time.time() > end:
            raise SystemExit(f"OVN's databases under {folder} did not open")
        time.sleep(0.05)


def chassis(region: Region) -> list[str]:
    """What ovn-controller reads from Open vSwitch: who this host is and where its bridges lead."""
    mappings = f"{region.profile.flat}:br-ex,{region.profile.vlan}:br-ic"
    settings = (
        f"hostname={region.compute_host}",
        f'ovn-remote="unix:{region.path("ovs", "sb.sock")}"',
        "ovn-encap-type=geneve",
        f"ovn-encap-ip=10.255.{region.number}.1",
        f'ovn-bridge-mappings="{mappings}"',
        "ovn-bridge-datapath-type=netdev",
        "ovn-cms-options=enable-chassis-as-gw",
    )
    return [f"external-ids:{setting}" for setting in settings]
