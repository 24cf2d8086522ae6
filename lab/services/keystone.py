"""Keystone: Fernet tokens with keys that only this region has; cheap password hashes, for a lab."""

import base64
import os

from lab.configuration import QUIET, Section, database_of, render, write
from lab.processes import run
from lab.regions import Region
from lab.settings import BIN


def configure(region: Region) -> None:
    fernet: Section = {"key_repository": region.path("keystone", "fernet")}
    sections: dict[str, Section] = {
        "DEFAULT": {**QUIET, "max_token_size": 255},
        "database": database_of(region, "keystone"),
        "token": {"provider": "fernet", "expiration": 86400},
        "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        "identity": {"password_hash_rounds": 4},
        "fernet_tokens": fernet,
        "fernet_receipts": fernet,
        "credential": {"key_repository": region.path("keystone", "credential")},
    }
    write(region.etc("keystone", "keystone.conf"), render(sections))


def bootstrap(region: Region, env: dict[str, str]) -> None:
    """Keys as fernet_setup would write them, the first admin and the identity endpoints."""
    for repository in ("fernet", "credential"):
        for number in "01":
            key = base64.urlsafe_b64encode(os.urandom(32)).decode()
            write(region.path("keystone", repository, number), key, 0o600)
        region.path("keystone", repository).chmod(0o700)
    urls = [word for kind in ("admin", "internal", "public") for word in (f"--bootstrap-{kind}-url", region.auth_url)]
    options = ["--bootstrap-password", region.password, "--bootstrap-region-id", region.name, *urls]
    run([BIN / "keystone-manage", "--config-file", region.etc("keystone", "keystone.conf"), "bootstrap", *options], env)
