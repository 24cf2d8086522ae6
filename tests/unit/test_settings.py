"""Settings: the file, the variables, and the reference page that tells all of them."""

from dataclasses import fields
from pathlib import Path

import pytest

from vregion.settings import Settings, load

PAGE = Path(__file__).parents[2] / "docs/reference/settings.md"


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "vregion.toml"
    file.write_text('port = 1\nhost = "10.0.0.1"\nkey_file = "/k"\n')
    settings = load(file, {"VREGION_PORT": "2", "VREGION_STATE_DIR": "/s"})
    assert (settings.port, settings.host) == (2, "10.0.0.1")
    assert (settings.state_dir, settings.keys_path) == (Path("/s"), Path("/k"))


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "vregion.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(ValueError, match="unknown settings: prot"):
        load(file, {})


def test_a_secret_is_not_in_the_repr() -> None:
    assert "hidden" not in repr(Settings(keystone_password="hidden"))


def test_the_page_tells_every_setting_with_its_default() -> None:
    lines = [f"| `{f.name}` | `{getattr(Settings(), f.name)}` | {f.metadata['doc']} |" for f in fields(Settings)]
    page = PAGE.read_text()
    assert [line for line in lines if line not in page] == []
