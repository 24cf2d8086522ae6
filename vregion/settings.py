"""Every setting, once. Read by `vregion.cli` from a TOML file and VREGION_* variables, then handed in; never global."""

import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """What one vregion process needs to know. A variable VREGION_NAME overrides the file's `name`."""

    state_dir: Path = field(default=Path("/var/lib/vregion"), metadata={"doc": "Where SQLite files and keys lie."})
    database_url: str = field(
        default="", metadata={"doc": "postgresql+psycopg://... for many nodes; empty: SQLite below state_dir."}
    )
    host: str = field(default="127.0.0.1", metadata={"doc": "Address to listen on."})
    port: int = field(default=8780, metadata={"doc": "Port to listen on."})
    public_url: str = field(
        default="http://127.0.0.1:8780", metadata={"doc": "How clients reach us; goes into links and the catalog."}
    )
    region_name: str = field(default="vregion", metadata={"doc": "The region's name in the Keystone catalog."})
    keystone_url: str = field(default="", metadata={"doc": "The provider's Keystone, with /v3."})
    keystone_username: str = field(default="admin", metadata={"doc": "Service user: validates tokens, opens tenants."})
    keystone_password: str = field(default="", repr=False, metadata={"doc": "Its password."})
    keystone_project: str = field(default="admin", metadata={"doc": "Its project, in the domain 'default'."})
    token_cache_seconds: float = field(default=60.0, metadata={"doc": "A validated token is believed this long."})
    key_file: Path | None = field(
        default=None, metadata={"doc": "Keys that seal credentials; empty: state_dir/keys.json, made when absent."}
    )
    backend_budget: int = field(default=16, metadata={"doc": "Passes at one backend at once; as many live calls."})
    backend_timeout: float = field(default=60.0, metadata={"doc": "Seconds until a backend's call is given up."})
    max_body_bytes: int = field(default=1 << 20, metadata={"doc": "Largest JSON body that is read."})

    image_copies_gib: int = field(
        default=-1,
        metadata={"doc": "GiB of images in a zone only for servers there; more, and the longest unused go. -1: any."},
    )
    image_import_hosts: str = field(
        default="", metadata={"doc": "Hosts that images are downloaded from, comma-separated; empty: every public one."}
    )
    image_import_networks: str = field(
        default="", metadata={"doc": "Networks (CIDR, comma-separated) allowed for that although they are not public."}
    )
    image_import_ports: str = field(default="80,443", metadata={"doc": "Ports that images are downloaded from."})
    image_import_gib: int = field(default=1024, metadata={"doc": "Largest image that is downloaded, in GiB."})
    image_import_seconds: float = field(default=14400.0, metadata={"doc": "Longest time that a download may take."})

    @property
    def keys_path(self) -> Path:
        """Where the sealing keys lie."""
        return self.key_file or self.state_dir / "keys.json"


def load(path: Path | None, environ: dict[str, str] | None = None) -> Settings:
    """Settings from the file, then the variables. Raises ValueError on a name that is not a setting."""
    given: dict[str, Any] = tomllib.loads(path.read_text()) if path else {}
    known = {f.name: f for f in fields(Settings)}
    if unknown := given.keys() - known.keys():
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    for name in known:
        if (value := (environ or os.environ).get(f"VREGION_{name.upper()}")) is not None:
            given[name] = value
    defaults = Settings()
    for name, value in given.items():
        kind = type(getattr(defaults, name))
        given[name] = Path(value) if kind in (type(defaults.state_dir), type(None)) else kind(value)
    return Settings(**given)
