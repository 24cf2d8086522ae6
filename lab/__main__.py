"""The command line of the lab: `python -m lab COMMAND`, see --help and README.md."""

import argparse
import os
from collections.abc import Callable

from lab import install, lifecycle, report, tempest
from lab.clouds import clouds
from lab.network import switches
from lab.regions import Region, known, known_one

Arguments = argparse.Namespace
PLANES = ("plain", "ovs", "ovn")
READERS = ("clouds", "mem", "status")


def planes(arguments: Arguments) -> list[str]:
    """One plane per region: all alike, or as listed (`--planes ovs,ovn`)."""
    if not arguments.planes:
        plane = "ovn" if arguments.ovn else "ovs" if arguments.net else "plain"
        return [plane] * arguments.count
    listed: list[str] = arguments.planes.split(",")
    if len(listed) != arguments.count or not set(listed) <= set(PLANES):
        raise SystemExit(f"--planes: name one of {', '.join(PLANES)} for each region")
    return listed


def up(arguments: Arguments) -> None:
    regions = [Region(number, plane) for number, plane in enumerate(planes(arguments), 1)]
    lifecycle.up(regions, arguments.cold)


def status(_: Arguments) -> None:
    if not report.status():
        raise SystemExit(1)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lab", description="N real OpenStack regions on one machine")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str, call: Callable[[Arguments], object]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(call=call, name=name)
        return command

    command = add("install", "install what the lab needs", lambda a: install.install(a.net))
    command.add_argument("--net", action="store_true", help="also what the data plane needs")
    command = add("up", "start COUNT regions, from the snapshot when there is one", up)
    command.add_argument("count", type=int)
    command.add_argument("--cold", action="store_true", help="migrate and bootstrap although there is a snapshot")
    command.add_argument("--net", action="store_true", help="with Open vSwitch, Neutron's agents and real servers")
    command.add_argument("--ovn", action="store_true", help="the same with OVN in place of the agents")
    command.add_argument("--planes", help="a plane for each region, e.g. ovs,ovn")
    add("down", "stop everything", lambda _: lifecycle.down())
    add("wipe", "forget the state, keep snapshots", lambda _: lifecycle.wipe())
    add("snapshot", "stop, and keep the state for later ups", lambda _: lifecycle.snapshot())
    add("status", "processes and endpoints; fails when one is not well", status)
    add("mem", "memory per process and region", lambda _: report.show_memory())
    add("clouds", "print clouds.yaml", lambda _: print(clouds(known()), end=""))
    command = add("restart", "restart processes by name", lambda a: lifecycle.restart(a.names))
    command.add_argument("names", nargs="+")
    for name, call in (("stop-region", lifecycle.stop_region), ("start-region", lifecycle.start_region)):
        command = add(name, f"{name.split('-')[0]} one region's processes", region_call(call))
        command.add_argument("region", type=int)
    command = add("tempest", "write a Tempest workspace for a region", region_call(tempest.workspace))
    command.add_argument("region", type=int)
    command = add("site", "run a command where a region's agents live", lambda a: switches.enter(a.region, a.command))
    command.add_argument("region", type=int)
    command.add_argument("command", nargs=argparse.REMAINDER)
    return top


def region_call(call: Callable[[Region], object]) -> Callable[[Arguments], object]:
    return lambda arguments: call(known_one(arguments.region))


def main() -> None:
    arguments = parser().parse_args()
    if os.geteuid() != 0 and arguments.name not in READERS:
        raise SystemExit("the lab needs root: for Debian packages, MariaDB, bind mounts and network namespaces")
    arguments.call(arguments)


if __name__ == "__main__":
    main()
