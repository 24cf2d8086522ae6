"""An Ansible playbook with `openstack.cloud`, as a tenant writes it: played twice, the second time nothing changes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import clients, without_openstack
from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = [pytest.mark.lab, pytest.mark.clients]
PLAYBOOK = Path(__file__).with_name("playbook.yaml")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJQ2kXvVYn6n1tHq2cQ2R5b7H0m3m0w1Zp0w4l5o6p7q ansible"


def played(rig: Rig, folder: Path, **words: str) -> dict[str, Any]:
    """What Ansible did on localhost: ok, changed, failures, and so on."""
    environ = without_openstack() | {
        "OS_CLOUD": "acme",
        "OS_CLIENT_CONFIG_FILE": str(rig.folder / "clouds.yaml"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_PYTHON_INTERPRETER": str(clients() / "python"),
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
    }
    command = [str(clients() / "ansible-playbook"), str(PLAYBOOK), "--extra-vars", json.dumps(words)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    stats: dict[str, Any] = json.loads(done.stdout)["stats"]["localhost"]
    return stats


def test_a_playbook(rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str, tmp_path: Path) -> None:
    words = {"image": image, "public_key": KEY}
    first = played(rig, tmp_path, **words)
    assert (first["failures"], first["changed"]) == (0, 8)
    for zone, cloud in inside.items():
        (server,) = [one for one in cloud.listed("server") if one["name"].startswith("ansible")]
        assert (server["name"], server["status"], server["metadata"]["made"]) == (
            f"ansible-{zone}",
            "ACTIVE",
            "by ansible",
        )
        assert len(server["os-extended-volumes:volumes_attached"]) == 1
    again = played(rig, tmp_path, **words)
    assert (again["failures"], again["changed"]) == (0, 0)
    last = played(rig, tmp_path, **words, state="absent")
    assert last["failures"] == 0
    assert not acme.listed("server")
