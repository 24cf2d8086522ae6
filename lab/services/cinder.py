"""Cinder: the real NFS driver over a folder, so that volumes are real sparse files.

The driver takes a share that is mounted already as it is: a bind mount of a local folder stands in for an NFS
server. It asks for a mount.nfs in PATH and never calls it.
"""

import hashlib
from pathlib import Path

from lab import bus
from lab.configuration import QUIET, RABBIT, Section, credential, database_of, locks, render, token_check, write
from lab.processes import run
from lab.regions import Region
from lab.settings import BIN, VENV


def share_of(region: Region) -> str:
    return f"{region.ip}:/volumes"


def mount_point(region: Region) -> Path:
    return region.path("cinder", "mnt", hashlib.md5(share_of(region).encode(), usedforsecurity=False).hexdigest())


def mounted(region: Region) -> bool:
    point = str(mount_point(region))
    return any(line.split()[1] == point for line in Path("/proc/mounts").read_text().splitlines())


def mount_share(region: Region) -> None:
    if not mounted(region):
        mount_point(region).mkdir(parents=True, exist_ok=True)
        run(["mount", "--bind", region.path("cinder", "volumes"), mount_point(region)])


def unmount_share(region: Region) -> None:
    if mounted(region):
        run(["umount", "-l", mount_point(region)])


def defaults(region: Region) -> Section:
    return {
        **QUIET,
        "state_path": region.path("cinder"),
        "transport_url": bus.url(region),
        "my_ip": region.ip,
        "auth_strategy": "keystone",
        "host": f"{region.name}-cinder",
        "enabled_backends": "files",
        "default_volume_type": region.profile.volume_type,
        "storage_availability_zone": region.profile.zone,
        "rootwrap_config": "",
        "glance_api_servers": region.url("glance"),
        "image_conversion_dir": region.path("cinder", "conv"),
        "api_paste_config": VENV / "etc/cinder/api-paste.ini",
        "resource_query_filters_file": VENV / "etc/cinder/resource_filters.json",
        "quota_volumes": -1,
        "quota_snapshots": -1,
        "quota_gigabytes": -1,
        "osapi_max_limit": 10000,
        "periodic_fuzzy_delay": 0,
        "enable_force_upload": "true",
        "allow_availability_zone_fallback": "false",
        "backup_driver": "cinder.backup.drivers.posix.PosixBackupDriver",
        "backup_posix_path": region.path("cinder", "backups"),
        "quota_backups": -1,
        "quota_backup_gigabytes": -1,
    }


def files_backend(region: Region) -> Section:
    return {
        "volume_driver": "cinder.volume.drivers.nfs.NfsDriver",
        "volume_backend_name": "files",
        "nfs_shares_config": region.etc("cinder", "shares"),
        "nfs_mount_point_base": region.path("cinder", "mnt"),
        "nfs_sparsed_volumes": "true",
        "nas_secure_file_operations": "false",
        "nas_secure_file_permissions": "false",
        "nfs_snapshot_support": "true",
        "max_over_subscription_ratio": 200.0,
    }


def configure(region: Region) -> None:
    for name in ("backups", "conv", "coord", "volumes"):
        region.path("cinder", name).mkdir(parents=True, exist_ok=True)
    helper = f"{BIN}/privsep-helper --config-file {region.etc('cinder', 'cinder.conf')}"
    sections: dict[str, Section] = {
        "DEFAULT": defaults(region),
        "files": files_backend(region),
        "database": database_of(region, "cinder"),
        "keystone_authtoken": token_check(region, "cinder"),
        "nova": credential(region, "cinder", interface="public"),
        "service_user": credential(region, "cinder", send_service_user_token="true"),
        "oslo_concurrency": locks(region, "cinder"),
        "oslo_messaging_rabbit": RABBIT,
        "oslo_messaging_notifications": {"driver": "noop"},
        "coordination": {"backend_url": f"file://{region.path('cinder', 'coord')}"},
        "cinder_sys_admin": {"helper_command": helper},
        "privsep_osbrick": {"helper_command": helper},  # cinder-backup's; else it would ask for sudo
    }
    write(region.etc("cinder", "cinder.conf"), render(sections))
    write(region.etc("cinder", "shares"), f"{share_of(region)}\n")
    write(region.path("bin", "mount.nfs"), "#!/bin/sh\nexit 0\n", 0o755)
