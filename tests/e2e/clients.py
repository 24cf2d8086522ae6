"""Clients with many requirements of their own (Ansible, Rally), in an environment of their own beside ours.

clients.in names them, clients.lock holds every release (`make lock`); `make` installs them when a test first asks.
"""

import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def clients() -> Path:
    """The folder of their commands."""
    subprocess.run(["make", "--silent", ".clients/ready"], cwd=ROOT, check=True, timeout=600)
    return ROOT / ".clients" / "bin"


def without_openstack() -> dict[str, str]:
    """This process's environment, and none of what clients of OpenStack read in it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
