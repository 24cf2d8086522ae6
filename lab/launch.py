"""The processes of one region: which they are, in which order they start, when it is ready.

Eleven services in fifteen processes. `up`, `start-region` and `restart` call it. Six APIs, one waitress process
each, and the daemons; with switches also neutron's RPC server and, on ML2/OVS, its agents. nova-compute comes second,
because it exits when Keystone does not know its user yet.
"""

import os
import time
from collections.abc import Iterable

from lab.cloud import Cloud
from lab.network import agents, switches
from lab.processes import Word, alive, log_of, names, spawn, wait_port
from lab.regions import PORTS, Region
from lab.services import cinder
from lab.settings import BIN, BORN, PIDS, PLUGINS, RUNTIME, STATE

WSGI = {
    "keystone": "keystone.wsgi.api",
    "glance": "glance.wsgi.api",
    "placement": "placement.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "neutron": "neutron.wsgi.api",
    "cinder": "cinder.wsgi.api",
}
THREADS = {"keystone": 6, "nova": 8, "neutron": 8}
EARLY = ("nova-conductor", "nova-scheduler", "cinder-scheduler", "cinder-volume", "cinder-backup")
LATE = "nova-compute"


def environment(region: Region) -> dict[str, str]:
    """What every process of the region gets; read by the services and by the lab's plug-ins."""
    configuration = {f"OS_{service.upper()}_CONFIG_DIR": str(region.etc(service)) for service in WSGI}
    return {
        **configuration,
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf;ml2_conf.ini",
        "ASGI_WORKERS": "1",  # Neutron's OVN driver drops events when it cannot tell how many workers there are
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true",
        "PATH": f"{BIN}:{region.path('bin')}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(STATE),
        "PYTHONPATH": str(PLUGINS),
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
        "TMPDIR": str(region.path("tmp")),
        "LAB_ACCESS": os.environ.get("LAB_ACCESS", ""),
        "LAB_NODES": os.environ.get("LAB_NODES", "20"),
        "LAB_SERVERS": str(region.path("nova", "servers")),
        "LAB_VOLUMES": str(region.path("cinder", "volumes")),
        "LAB_VMS": str(region.path("vms")),
        "LAB_SITE": switches.namespace(region),
        "LAB_OVS_DB": switches.database(region),
    }


def script(name: str) -> list[Word]:
    """A script of lab/runtime; -P keeps its folder out of the import path."""
    return [BIN / "python", "-P", RUNTIME / name]


def start_apis(region: Region, env: dict[str, str]) -> None:
    highest = {"nova": region.profile.compute_microversion, "cinder": region.profile.volume_microversion}
    for service, module in WSGI.items():
        command = [*script("serve.py"), region.ip, str(PORTS[service]), module, str(THREADS.get(service, 4))]
        if service == "cinder":
            command += ["--config-file", region.etc("cinder", "cinder.conf")]
        spawn(f"{region.short}-{service}-api", command, {**env, "LAB_MICROVERSION": highest.get(service, "")})


def start_early(region: Region) -> None:
    """The APIs and the daemons that need no Keystone."""
    env = environment(region)
    start_apis(region, env)
    cinder.mount_share(region)
    if region.plane == "ovs":
        agents.start_rpc(region, env)
        agents.start_switch_agent(region, env)
    for daemon in EARLY:
        service = daemon.split("-")[0]
        command: list[Word] = [BIN / daemon, "--config-file", region.etc(service, f"{service}.conf")]
        spawn(f"{region.short}-{daemon}", command, env)


def start_late(region: Region) -> None:
    """nova-compute, once Keystone and Placement answer and know its user."""
    command = [*script("compute.py"), "--config-file", region.etc("nova", "nova-compute.conf")]
    spawn(f"{region.short}-{LATE}", command, environment(region))


def start_agents(region: Region) -> None:
    if region.plane == "ovs":
        agents.start(region, environment(region))


def start_one(region: Region) -> None:
    """Whatever of a bootstrapped region does not run yet."""
    start_early(region)
    wait_apis(region, ("keystone", "placement"))
    start_late(region)
    wait_apis(region)
    start_agents(region)
    wait_ready(region)


def wait_apis(region: Region, which: Iterable[str] = PORTS) -> None:
    for service in which:
        wait_port(region.ip, PORTS[service], f"{region.short}-{service}-api")


def processes_of(region: Region) -> list[str]:
    """The region's processes without its switches: what ends when a zone dies."""
    mine = [name for name in names() if name.startswith(f"{region.short}-")]
    return [name for name in mine if not name.endswith(switches.SUFFIXES)]


def wait_ready(region: Region, limit: float = 90) -> None:
    """Until every daemon reports and a host can take servers."""
    cloud, end, why = Cloud(region).login(), time.time() + limit, ""
    while time.time() < end:
        for name in processes_of(region):
            if not alive(name):
                raise SystemExit(f"{name} died: see {log_of(name)}")
        why = missing(cloud)
        if not why:
            return
        time.sleep(0.5)
    raise SystemExit(f"{region.name} not ready: {why}")


def missing(cloud: Cloud) -> str:
    """What is not there yet, "" when all is."""

    # A heartbeat that is older than this program comes from the snapshot; one process that was restarted by itself
    # is waited for as well, because its pid file is younger.
    def young(service: dict[str, str]) -> bool:
        pid_file = PIDS / f"{cloud.region.short}-{service['binary']}.pid"
        born = pid_file.stat().st_mtime if pid_file.exists() else BORN
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(born))
        return service["state"] == "up" and (service["updated_at"] or "") >= stamp

    services = cloud("nova", "GET", "/v2.1/os-services")["services"]
    services += cloud("cinder", "GET", "/v3/os-services")["services"]
    absent = {*EARLY, LATE} - {service["binary"] for service in services if young(service)}
    if absent:
        return f"no report of {sorted(absent)}"
    if not cloud("nova", "GET", "/v2.1/os-hypervisors")["hypervisors"]:
        return "no hypervisor"
    return agents.missing(cloud)
