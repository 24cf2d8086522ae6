"""Rally's own scenarios, as it comes: boot, attach and resize, resize, snapshot; two at a time in each zone."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import clients, without_openstack
from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = [pytest.mark.lab, pytest.mark.clients]
RUNS = {"runner": {"type": "constant", "times": 2, "concurrency": 2}, "sla": {"failure_rate": {"max": 0}}}


def scenarios(zone: str, image: str, network: str) -> dict[str, Any]:
    """Rally's task for a zone."""
    place = {"availability_zone": zone, "nics": [{"net-id": network}]}
    what = {"image": {"id": image}, "flavor": {"name": "v1.1"}}
    boot, grow = {**what, **place}, {**what, "to_flavor": {"name": "v1.2"}}
    volume = {"volume_size": 1, "create_volume_kwargs": {"availability_zone": zone}}
    asked = {
        "NovaServers.boot_and_delete_server": boot,
        "NovaServers.boot_server_attach_created_volume_and_resize": {**grow, **volume, "boot_server_kwargs": place},
        "NovaServers.resize_server": {**grow, **place},
        "NovaServers.snapshot_server": boot,
    }
    return {name: [{"args": args, **RUNS}] for name, args in asked.items()}


class Rally:
    """Rally with a database of its own, pointed at one user's project in a region."""

    def __init__(self, auth: Mapping[str, str], region_name: str, folder: Path) -> None:
        self._folder = folder
        (folder / "rally.conf").write_text(f"[database]\nconnection = sqlite:///{folder}/rally.sqlite\n")
        user = {key: value for key, value in auth.items() if key != "auth_url"}
        spec = {"auth_url": auth["auth_url"], "region_name": region_name, "users": [user]}
        (folder / "env.json").write_text(json.dumps({"existing@openstack": spec}))
        self.run("db", "create")
        self.run("env", "create", "--name", "region", "--spec", str(folder / "env.json"))

    def run(self, *words: str) -> str:
        """A command of Rally's; what it printed."""
        command = [str(clients() / "rally"), "--config-file", str(self._folder / "rally.conf"), *words]
        environ = without_openstack() | {"HOME": str(self._folder)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout[-4000:]}{done.stderr[-2000:]}"
        return done.stdout

    def task(self, asked: dict[str, Any]) -> dict[str, list[Any]]:
        """Run a task: scenario -> its iterations, each with `error` and the seconds of its parts."""
        file = self._folder / "task.json"
        file.write_text(json.dumps(asked))
        self.run("task", "start", str(file))
        told = json.loads(self.run("task", "report", "--json"))
        loads = [load for part in told["tasks"][0]["subtasks"] for load in part["workloads"]]
        return {next(iter(load["scenario"])): load["data"] for load in loads}


@pytest.mark.parametrize("zone", ["az1", "az2"])
def test_its_scenarios(rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str, zone: str, tmp_path: Path) -> None:
    network = acme.network(f"rally-{zone}", "10.59.0.0/24", availability_zone_hints=[zone])
    asked = scenarios(zone, image, network)
    seen = Rally(rig.auth(), "vregion", tmp_path).task(asked)
    assert set(seen) == set(asked)
    for name, iterations in seen.items():
        assert [one["error"] for one in iterations] == [[], []], name
        seconds = ", ".join(f"{one['duration']:.1f}" for one in iterations)
        print(f"{zone} {name}: {seconds} s")
    acme.drop("network", network)
    acme.gone("network", network)
