"""Configuration files, and the sections that several services share.

`lab.services` builds on it, one module per service. Values are text as oslo.config reads it; a section that is the
same everywhere (credentials, database, lock path, bus) is made here once. It starts nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from lab import database
from lab.regions import Region

Value = str | int | float | Path
Section = dict[str, Value]
QUIET: Section = {"log_dir": "", "use_stderr": "true", "debug": "false"}
RABBIT: Section = {"heartbeat_in_pthread": "false", "heartbeat_timeout_threshold": 0}


def render(sections: Mapping[str, Mapping[str, Value]]) -> str:
    lines = []
    for name, options in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in options.items()), ""]
    return "\n".join(lines)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def credential(region: Region, user: str, **more: Value) -> Section:
    """A keystoneauth section for a service user."""
    return {
        "auth_type": "password",
        "auth_url": region.auth_url,
        "username": user,
        "password": region.password,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": region.name,
        **more,
    }


def token_check(region: Region, user: str) -> Section:
    return credential(
        region,
        user,
        www_authenticate_uri=region.auth_url,
        token_cache_time=300,
        service_token_roles="service",
        service_token_roles_required="true",
    )


def database_of(region: Region, name: str) -> Section:
    connection = database.url(region, name)
    return {"connection": connection, "max_pool_size": 10, "max_overflow": 20, "connection_recycle_time": 3600}


def locks(region: Region, service: str) -> Section:
    folder = region.path(service, "lock")
    folder.mkdir(parents=True, exist_ok=True)
    return {"lock_path": folder}
