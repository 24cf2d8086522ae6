"""Everything that a real region holds, seen by its own administrator: one line per thing.

`tests/lab.sh` runs it as a program before and after all tests on the lab, and the end-to-end rig compares two of its
answers: what is in the second and not in the first was left behind. It changes nothing in the region.
"""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cloud import Cloud

LAB_STATE = Path(os.environ.get("LAB_STATE", "/var/tmp/lab"))
LISTS = (
    ("compute", "/servers/detail?all_tenants=1", "servers"),
    ("compute", "/os-server-groups?all_projects=1", "server_groups"),
    ("compute", "/flavors/detail?is_public=None", "flavors"),
    ("network", "/networks", "networks"),
    ("network", "/subnets", "subnets"),
    ("network", "/ports", "ports"),
    ("network", "/routers", "routers"),
    ("network", "/floatingips", "floatingips"),
    ("network", "/security-groups", "security_groups"),
    ("network", "/address-groups", "address_groups"),
    ("volume", "/volumes/detail?all_tenants=1", "volumes"),
    ("volume", "/snapshots/detail?all_tenants=1", "snapshots"),
    ("image", "/images?limit=1000&visibility=all", "images"),
    ("identity", "/projects", "projects"),
    ("identity", "/users", "users"),
)


def lab_clouds() -> dict[str, Any]:
    """The lab's clouds.yaml."""
    clouds: dict[str, Any] = yaml.safe_load((LAB_STATE / "clouds.yaml").read_text())["clouds"]
    return clouds


def inventory(cloud: Cloud) -> set[str]:
    """'network 1f0c... name' for each thing. A project's group `default` comes and goes by itself: left out."""
    found = set()
    for service, path, noun in LISTS:
        for item in cloud.call(service, "GET", path)[noun]:
            if noun != "security_groups" or item["name"] != "default":
                found.add(f"{noun} {item['id']} {item.get('name', '')}")
    for user in cloud.call("identity", "GET", "/users")["users"]:
        for item in cloud.call("compute", "GET", f"/os-keypairs?user_id={user['id']}")["keypairs"]:
            found.add(f"keypairs {user['name']} {item['keypair']['name']}")
    return found


def main() -> None:
    """Print what every region of the lab holds."""
    for name, entry in lab_clouds().items():
        if name.endswith("-admin"):
            for line in sorted(inventory(Cloud(entry["auth"], entry["region_name"]))):
                sys.stdout.write(f"{entry['region_name']} {line}\n")


if __name__ == "__main__":
    main()
