"""Glance: images are files in the region's folder."""

from lab.configuration import QUIET, Section, database_of, locks, render, token_check, write
from lab.regions import Region
from lab.settings import VENV


def configure(region: Region) -> None:
    folders = {name: region.path("glance", name) for name in ("images", "staging", "tasks")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    sections: dict[str, Section] = {
        "DEFAULT": {
            **QUIET,
            "enabled_backends": "file:file",
            "workers": 1,
            "node_staging_uri": f"file://{folders['staging']}",
        },
        "database": database_of(region, "glance"),
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": folders["images"]},
        "os_glance_staging_store": {"filesystem_store_datadir": folders["staging"]},
        "os_glance_tasks_store": {"filesystem_store_datadir": folders["tasks"]},
        "keystone_authtoken": token_check(region, "glance"),
        "paste_deploy": {"flavor": "keystone", "config_file": VENV / "etc/glance/glance-api-paste.ini"},
        "oslo_concurrency": locks(region, "glance"),
    }
    write(region.etc("glance", "glance-api.conf"), render(sections))
