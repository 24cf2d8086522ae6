"""The embedded Keystone as a process: it fails closed, comes back, and never outlives its parent."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.embedded_keystone import ADMIN_PASSWORD
from vregion.identity import embedded as embedded_module
from vregion.identity.client import Identity, PasswordCredential
from vregion.identity.embedded import EmbeddedKeystone, KeystoneFailed
from vregion.identity.keystone_config import KeystoneLaunch
from vregion.identity.tokens import IdentityUnavailable, TokenCache

PARENT = """
import asyncio, sys
from vregion.identity.embedded import EmbeddedKeystone
from vregion.identity.keystone_config import KeystoneLaunch

async def main():
    await EmbeddedKeystone(KeystoneLaunch(sys.argv[1], "a-password", password_hash_rounds=4)).start()
    print("serving", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def own(tmp_path: Path) -> AsyncIterator[EmbeddedKeystone]:
    """A Keystone of the test's own, running."""
    embedded = EmbeddedKeystone(KeystoneLaunch(str(tmp_path / "state"), ADMIN_PASSWORD, password_hash_rounds=4))
    await embedded.start()
    yield embedded
    await embedded.stop()


def _admin(embedded: EmbeddedKeystone) -> Identity:
    return Identity(embedded.url, PasswordCredential("admin", ADMIN_PASSWORD))


async def _until(true: Callable[[], bool], limit: float) -> None:
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def _process_texts(pid: int | None) -> list[bytes]:
    return [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody reaps has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_it_fails_closed_while_stopped_and_keeps_its_tokens(own: EmbeddedKeystone) -> None:
    async with _admin(own) as identity:
        seconds = [0.0]
        cache = TokenCache(identity.inspect, ttl=60, monotonic=lambda: seconds[0])
        known, fresh = await identity._sign_in(None), await identity._sign_in(identity._own_token)
        await cache.get(known)
        pid = own.pid
        await own.stop()
        assert pid is not None
        assert not _alive(pid)
        assert own.pid is None
        seconds[0] = 59.0
        assert (await cache.get(known)).user_name == "admin"
        with pytest.raises(IdentityUnavailable):
            await cache.get(fresh)
        seconds[0] = 61.0
        with pytest.raises(IdentityUnavailable):
            await cache.get(known)
        url = own.url
        await own.start()
        assert own.url == url
        assert (await cache.get(known)).user_name == "admin"


async def test_it_is_restarted_at_the_same_address(own: EmbeddedKeystone) -> None:
    url, first = own.url, own.pid
    assert first is not None
    async with _admin(own) as identity:
        token = await identity._sign_in(None)
        os.kill(first, signal.SIGKILL)
        await _until(lambda: own.pid not in (None, first), 10)
        assert (await identity.inspect(token)).user_name == "admin"
    assert own.url == url


async def test_restarts_become_rarer_while_they_do_not_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "short_lived.py").write_text("print('ready 1', flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(embedded_module, "MODULE", "short_lived")
    monkeypatch.setattr(embedded_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(embedded_module, "LONGEST_PAUSE", 0.04)
    short_lived = EmbeddedKeystone(KeystoneLaunch(str(tmp_path / "state"), ADMIN_PASSWORD))
    await short_lived.start()
    await _until(lambda: len(caplog.records) >= 4, 10)
    await short_lived.stop()
    pauses = [record.getMessage().rpartition("in ")[2] for record in caplog.records]
    assert pauses[:4] == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]


async def test_no_secret_is_to_be_seen(own: EmbeddedKeystone, tmp_path: Path) -> None:
    seen, files = _process_texts(own.pid), _files(tmp_path / "state")
    assert {"keystone.conf", "keystone.db", "keystone.log"} <= {path.name for path in files}
    assert not any(ADMIN_PASSWORD.encode() in text for text in seen + [path.read_bytes() for path in files])
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        launch = KeystoneLaunch(str(tmp_path), ADMIN_PASSWORD, port=taken.getsockname()[1])
        with pytest.raises(KeystoneFailed, match="Address already in use"):
            await EmbeddedKeystone(launch).start()


@pytest.mark.parametrize("moment", ["starting", "serving"])
async def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path, moment: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    await _until(lambda: bool(_children(parent.pid)), 10)
    if moment == "serving":
        assert parent.stdout is not None
        assert await parent.stdout.readline() == b"serving\n"
    (child,) = _children(parent.pid)
    parent.kill()
    await parent.wait()
    await _until(lambda: not _alive(child), 5)
