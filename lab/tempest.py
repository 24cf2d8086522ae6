"""A Tempest workspace for one bare region, under STATE/tempestN.

`python -m lab tempest R` writes it: dynamic credentials by the region's admin, and what this region has and lacks.
Servers are reached from the lab's internet, with switches only: without them validation is off. It runs no test.
"""

from pathlib import Path
from typing import Any

from lab.cloud import Cloud
from lab.configuration import Section, render
from lab.processes import run
from lab.regions import Region
from lab.settings import BIN, STATE, say

COMPUTE_FEATURES: Section = {
    "console_output": "true",
    "vnc_console": "false",
    "attach_encrypted_volume": "false",
    "resize": "true",
    "snapshot": "true",
    "metadata_service": "false",  # no metadata agent, and servers have no disks
    "config_drive": "false",
}


def one(items: list[dict[str, Any]], name: str) -> str:
    return str(next(item["id"] for item in items if item["name"] == name))


def sections(region: Region) -> dict[str, Section]:
    cloud, profile = Cloud(region).login(), region.profile
    image = one(cloud("glance", "GET", "/v2/images")["images"], profile.image)
    outside = one(cloud("neutron", "GET", "/v2.0/networks")["networks"], profile.external)
    extensions = ",".join(item["alias"] for item in cloud("neutron", "GET", "/v2.0/extensions")["extensions"])
    place: Section = {"region": region.name, "build_interval": 1}
    smallest, second = sorted(profile.flavors, key=lambda flavor: flavor.ram)[:2]
    return {
        "DEFAULT": {"log_file": "tempest.log", "debug": "false"},
        "auth": {
            "use_dynamic_credentials": "true",
            "admin_username": "admin",
            "admin_password": region.password,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "tempest_roles": "member",
        },
        "identity": {"uri_v3": region.auth_url, "auth_version": "v3", "region": region.name},
        "compute": {
            **place,
            "image_ref": image,
            "image_ref_alt": image,
            "flavor_ref": smallest.id,
            "flavor_ref_alt": second.id,
            "min_microversion": "2.1",
            "max_microversion": profile.compute_microversion or "latest",
        },
        "compute-feature-enabled": COMPUTE_FEATURES,
        "validation": validation(region),
        "network": {**place, "public_network_id": outside, "floating_network_name": profile.external},
        "network-feature-enabled": {"api_extensions": extensions, "ipv6": "true", "ipv6_subnet_attributes": "true"},
        "volume": {
            **place,
            "catalog_type": "block-storage",
            "storage_protocol": "nfs",
            "backend1_name": "files",
            "max_microversion": profile.volume_microversion or "latest",
        },
        "volume-feature-enabled": {"backup": "true", "snapshot": "true"},
        "image": {"region": region.name},
        "service_available": {"swift": "false", "horizon": "false"},
    }


def validation(region: Region) -> Section:
    """How Tempest gets into servers."""
    if not region.has_switches:
        return {"run_validation": "false"}
    return {
        "run_validation": "true",
        "connect_method": "floating",
        "auth_method": "keypair",
        "image_ssh_user": "root",
        "image_alt_ssh_user": "root",
        "ssh_timeout": 60,
        "ping_timeout": 60,
    }


def workspace(region: Region) -> Path:
    folder = STATE / f"tempest{region.number}"
    register = STATE / f"tempest{region.number}.yaml"
    if not folder.is_dir():
        # Tempest refuses a name that a former workspace registered, so each has a register of its own.
        register.unlink(missing_ok=True)
        run([BIN / "tempest", "init", "--workspace-path", register, folder], {"HOME": str(STATE)})
    (folder / "etc" / "tempest.conf").write_text(render(sections(region)))
    say(f"cd {folder} && {BIN}/tempest run --smoke --serial")
    return folder
