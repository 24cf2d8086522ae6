"""What the embedded Keystone is started with: it travels whole, and its password stays out of sight."""

from pathlib import Path

import pytest

from vregion.identity.client import ApplicationCredential, PasswordCredential
from vregion.identity.keystone_config import KeystoneLaunch, write_configuration
from vregion.identity.tenants import TenantOpening


def test_a_launch_travels_in_one_line() -> None:
    launch = KeystoneLaunch("/state", "pa\nss", host="::1", port=5000, public_url="https://example.org/identity/v3")
    assert launch.line().count(b"\n") == 1
    assert KeystoneLaunch.parse(launch.line()) == launch


@pytest.mark.parametrize(
    "holder",
    [
        KeystoneLaunch("/state", "hidden"),
        PasswordCredential("admin", "hidden"),
        ApplicationCredential("id", "hidden"),
        TenantOpening("0" * 32, "name", "hidden"),
    ],
)
def test_secrets_are_not_shown(holder: object) -> None:
    assert "hidden" not in repr(holder)


def test_keys_are_written_once(tmp_path: Path) -> None:
    launch = KeystoneLaunch(str(tmp_path), "hidden")
    write_configuration(launch)
    keys = {path: path.read_bytes() for path in tmp_path.glob("*/[01]")}
    write_configuration(launch)
    assert len(keys) == 4
    assert {path: path.read_bytes() for path in keys} == keys
    assert all(b"hidden" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
