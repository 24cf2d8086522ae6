"""The documentation holds: links lead somewhere, commands exist. What the tutorial runs, tests/test_demo.py runs."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from vregion.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("lab/*.md")),
]
TARGETS = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.M))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands() -> set[str]:
    """'backend add' and the like."""
    top = get_command(app)
    found = set()
    for word, command in top.commands.items():  # type: ignore[attr-defined]
        found |= {f"{word} {sub}" for sub in getattr(command, "commands", {})} or {word}
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"`make ([a-z0-9]+)", text) + re.findall(r"^make ([a-z0-9]+)", text, re.M):
        assert target in TARGETS, target
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S):
        for words in re.findall(r"^(?:\$ )?vregion ([a-z]+(?: [a-z]+)?)", block, re.M):
            assert words in commands() or words.split()[0] in commands(), words


def test_every_command_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/provider-cli.md").read_text()
    assert [c for c in commands() if f"`{c}" not in page and f"`vregion {c}" not in page] == []
