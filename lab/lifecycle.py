"""The lab as a whole: up, down, wipe, snapshot, restart, and one region's death and return.

The command line calls it. `up` always begins with a clean state: from the snapshot of that many regions on those
planes when there is one, else by migration and bootstrap. State is never shared between two slots.
"""

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import bootstrap, bus, database, launch, migrations
from lab.clouds import write_clouds
from lab.network import agents, switches
from lab.processes import alive, names, run, stop
from lab.regions import Region, known, remember
from lab.services import cinder, configure, keystone
from lab.settings import SNAPSHOTS, STATE, TEMPLATE, say

SHARED = ("rabbitmq", "epmd", "mariadb")


def snapshot_of(regions: list[Region]) -> Path:
    return SNAPSHOTS / "-".join(region.plane for region in regions)


def must_rest() -> None:
    if any(alive(name) for name in names()):
        raise SystemExit("the lab runs: see `status`, or `down` first")


def up(regions: list[Region], cold: bool) -> None:
    must_rest()
    kept = snapshot_of(regions)
    warm = kept.is_dir() and not cold
    wipe(with_template=cold)
    remember(regions)
    if warm:
        run(["cp", "-a", "--reflink=auto", f"{kept}/.", STATE])
        say("state restored from the snapshot")
    bus.start(regions)
    database.start()
    say("database is up")
    for region in regions:
        configure(region)
        if region.plane == "ovs":
            agents.configure(region)
        shutil.rmtree(region.path("tmp"), ignore_errors=True)
        region.path("tmp").mkdir(parents=True)
    if not warm:
        fill_databases(regions)
    bus.wait()
    say("message bus is up")
    if any(region.has_switches for region in regions):
        switches.start(regions)
        say("switches are up")
    start_all(regions, None if warm else bootstrap.resources)
    write_clouds(regions)


def fill_databases(regions: list[Region]) -> None:
    for region in regions:
        if TEMPLATE.exists():
            database.load_template(region)
        else:
            migrations.migrate(region, launch.environment(region))
        say(f"{region.name}: databases ready")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda region: keystone.bootstrap(region, launch.environment(region)), regions))
    say("keystone bootstrapped")


def start_all(regions: list[Region], fill: Callable[[Region], None] | None) -> None:
    """All processes of all regions at once: the machine imports Python for most of this time."""
    for region in regions:
        launch.start_early(region)
    for region in regions:
        launch.wait_apis(region, ("keystone", "placement"))
        if fill:
            bootstrap.identity(region)
        launch.start_late(region)
    for region in regions:
        launch.wait_apis(region)
        launch.start_agents(region)
        if fill:
            fill(region)
            say(f"{region.name}: bootstrapped")
    for region in regions:
        launch.wait_ready(region)
        say(f"{region.name}: ready at {region.auth_url}")


def down() -> None:
    """Services first, then the data plane, the bus, the database."""
    regions = known()
    data_plane = set(switches.process_names())
    stop([name for name in names() if name not in SHARED and name not in data_plane], 8)
    if any(region.has_switches for region in regions):
        switches.stop_all(regions)
    for name in SHARED:
        stop([name] if name in names() else [], 30)
    for region in regions:
        cinder.unmount_share(region)
    say("down")


def wipe(with_template: bool = True) -> None:
    must_rest()
    if any(region.has_switches for region in known()):  # cut off, not put down
        switches.stop_all(known())
    for region in known():
        cinder.unmount_share(region)
        shutil.rmtree(region.path(), ignore_errors=True)
    for name in ("mysql", "rabbit", "log", "run", "inet"):
        shutil.rmtree(STATE / name, ignore_errors=True)
    if with_template:
        TEMPLATE.unlink(missing_ok=True)


def snapshot() -> None:
    """Stop, and keep what is on disk for later ups."""
    regions = known()
    down()
    target = snapshot_of(regions)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    run(["cp", "-a", "--reflink=auto", STATE / "mysql", *(region.path() for region in regions), target])
    say(f"snapshot of {len(regions)} regions: {run(['du', '-sh', target]).split()[0]} at {target}")


def restart(which: Iterable[str]) -> None:
    """Single processes by their name in `status`, e.g. r1-nova-compute."""
    wanted = list(which)
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        raise SystemExit(f"no such process: {', '.join(unknown)}")
    stop(wanted)
    for region in known():
        if any(name.startswith(f"{region.short}-") for name in wanted):
            launch.start_one(region)
            say(f"{region.name}: ready")


def stop_region(region: Region) -> None:
    """The zone dies: its services are gone, its switches and servers go on."""
    stop(launch.processes_of(region), 8)
    say(f"{region.name}: stopped")


def start_region(region: Region) -> None:
    cinder.mount_share(region)
    launch.start_one(region)
    say(f"{region.name}: ready at {region.auth_url}")
