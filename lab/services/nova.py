"""Nova: one compute process that offers many nodes, on the lab's own virt driver.

nova-compute has a file of its own without the database sections, because it complains where it sees one. Quotas are
off: what a tenant may have is what the tests under way decide.
"""

import shutil

from lab import bus
from lab.configuration import QUIET, RABBIT, Section, credential, database_of, locks, render, token_check, write
from lab.regions import Region
from lab.settings import VENV


def defaults(region: Region) -> Section:
    driver = "labnetvirt.LabNetDriver" if region.has_switches else "labvirt.LabDriver"
    return {
        **QUIET,
        "state_path": region.path("nova"),
        "transport_url": bus.url(region),
        "my_ip": region.ip,
        "host": region.compute_host,
        "compute_driver": driver,
        "default_availability_zone": region.profile.zone,
        "rootwrap_config": "",
        "cpu_allocation_ratio": 16.0,
        "ram_allocation_ratio": 4.0,
        "sync_power_state_interval": -1,
        "max_concurrent_builds": 20,
        "periodic_fuzzy_delay": 0,
        "update_resources_interval": 600,
        "allow_resize_to_same_host": "true",  # there is one host
        "long_rpc_timeout": 300,
    }


def clients(region: Region) -> dict[str, Section]:
    """How Nova speaks to its neighbours."""
    public = credential(region, "nova", valid_interfaces="public")
    block_storage = "block-storage:cinder:publicURL"
    return {
        "glance": public,
        "neutron": {**public, "service_metadata_proxy": "false"},
        "placement": public,
        "cinder": credential(region, "nova", catalog_info=block_storage, os_region_name=region.name),
        "service_user": credential(region, "nova", send_service_user_token="true"),
        "keystone": {"region_name": region.name, "valid_interfaces": "public"},
        "keystone_authtoken": token_check(region, "nova"),
    }


def configure(region: Region) -> None:
    unlimited: Section = {"instances": -1, "cores": -1, "ram": -1, "key_pairs": 1000, "server_groups": 100}
    compute: dict[str, Section] = {
        "DEFAULT": defaults(region),
        "api": {"auth_strategy": "keystone", "max_limit": 10000},
        "wsgi": {"api_paste_config": VENV / "etc/nova/api-paste.ini"},
        "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 5},
        "quota": {**unlimited, "injected_files": 10},
        "vnc": {"enabled": "false"},
        **clients(region),
        "oslo_concurrency": locks(region, "nova"),
        "oslo_messaging_rabbit": RABBIT,
        "oslo_messaging_notifications": {"driver": "noop"},
    }
    control = {**compute, "api_database": database_of(region, "nova_api"), "database": database_of(region, "nova")}
    write(region.etc("nova", "nova.conf"), render(control))
    write(region.etc("nova", "nova-compute.conf"), render(compute))
    # nova-api looks for its paste file beside nova.conf.
    shutil.copy(VENV / "etc/nova/api-paste.ini", region.etc("nova", "api-paste.ini"))
    # A second start of nova-compute wants this file, and the fake driver never writes it.
    write(region.path("nova", "compute_id"), f"00000000-0000-4000-8000-{region.number:012d}")
