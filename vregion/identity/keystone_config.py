"""How the embedded Keystone is set up: what it is started with, and the files it wants in its state directory.

`embedded` sends a `KeystoneLaunch` to the process over its standard input; `serve_keystone` reads it there and writes
the configuration.  The admin password must never reach a file, an argument, the environment or a log.
"""

import base64
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

CONFIGURATION = """\
[DEFAULT]
use_stderr = true
default_log_levels = keystone=WARNING,alembic=WARNING,waitress=ERROR,py.warnings=ERROR
{public_endpoint}
[database]
connection = sqlite:///{state}/keystone.db
[cache]
enabled = true
backend = dogpile.cache.memory
[token]
provider = fernet
# That memory never forgets a key: it may hold users and projects, but not every token ever seen.
caching = false
[identity]
password_hash_rounds = {rounds}
max_password_length = 72
[fernet_tokens]
key_repository = {state}/fernet
[fernet_receipts]
key_repository = {state}/fernet
[credential]
key_repository = {state}/credential
[oslo_messaging_notifications]
driver = noop
"""


@dataclass(frozen=True)
class KeystoneLaunch:
    """One embedded Keystone.  Port 0 lets the system choose; `public_url` is what the catalog says (with /v3)."""

    state_dir: str
    admin_password: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    region: str = "vregion"
    public_url: str | None = None
    password_hash_rounds: int = 12

    def line(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def parse(cls, line: bytes) -> "KeystoneLaunch":
        return cls(**orjson.loads(line))


def write_configuration(launch: KeystoneLaunch) -> Path:
    """Write keystone.conf and, once, the keys for tokens and credentials."""
    state = Path(launch.state_dir).resolve()
    for repository in ("fernet", "credential"):
        _write_keys(state / repository)
    public = launch.public_url
    path = state / "keystone.conf"
    path.write_text(
        CONFIGURATION.format(
            public_endpoint=f"public_endpoint = {public.removesuffix('/v3')}\n" if public else "",
            state=str(state).replace("$", "$$"),
            rounds=launch.password_hash_rounds,
        )
    )
    return path


def _write_keys(repository: Path) -> None:
    """What `keystone-manage fernet_setup` leaves behind: 0 is the staged key, 1 the primary one."""
    repository.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("0", "1"):
        key = repository / name
        if not key.exists():
            fresh = key.with_suffix(".new")
            fresh.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
            fresh.replace(key)  # a half-written key would make Keystone refuse to start for good
