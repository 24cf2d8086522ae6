"""A real Keystone beside vregion, for demonstrations and tests: a supervised process of its own, on SQLite.

`vregion demo` and the tests' `keystone` fixture start it.  It is restarted when it dies, ever more slowly while that
does not help, and it cannot outlive its parent (see `serve_keystone`).
It must never be handed more than it needs: the password goes through a pipe, and the parent's OS_* variables, which
may be somebody's credentials, stay outside.
"""

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from vregion.identity.keystone_config import KeystoneLaunch

MODULE = "vregion.identity.serve_keystone"
START_LIMIT = 60.0  # seconds; a first start without byte code takes some five
STOP_LIMIT = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # between restarts, doubled each time
STABLE_AFTER = 60.0  # seconds of life after which a death counts as the first one again

log = logging.getLogger(__name__)


class KeystoneFailed(Exception):
    """The process ended, or said nothing in time, before it was ready."""


class EmbeddedKeystone:
    """Start it, use `url`, stop it; all three from one event loop."""

    def __init__(self, launch: KeystoneLaunch) -> None:
        self._launch = launch
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, with /v3; the port is known once it has started."""
        host = f"[{self._launch.host}]" if ":" in self._launch.host else self._launch.host
        return f"http://{host}:{self._launch.port}/v3"

    @property
    def pid(self) -> int | None:
        """The process that serves, None while there is none."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Return when it serves requests; KeystoneFailed with the end of its log when it does not."""
        process = await self._spawn()
        self._supervisor = asyncio.create_task(self._supervise(process))

    async def stop(self) -> None:
        """Leave no process behind; what it has answered is already committed."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        if self._process is not None:
            await _end(self._process)

    async def _supervise(self, process: asyncio.subprocess.Process) -> None:
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            code = await process.wait()
            if time.monotonic() - started > STABLE_AFTER:
                pause = FIRST_PAUSE
            log.warning("the embedded Keystone ended with code %s; next start in %s s", code, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                process = await self._spawn()
            except KeystoneFailed as failed:
                log.error("the embedded Keystone does not start: %s", failed)

    async def _spawn(self) -> asyncio.subprocess.Process:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and k[:3] != "OS_"}
        with _open_log(self._launch) as log_file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                MODULE,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,  # an interrupt from the terminal is the parent's to handle
                env=environment,
            )
        try:
            port = await asyncio.wait_for(_greet(process, self._launch), START_LIMIT)
        except (KeystoneFailed, TimeoutError, OSError) as failed:
            await _end(process)
            raise KeystoneFailed(f"not ready ({failed!r}):\n{_last_lines(self._launch)}") from failed
        except asyncio.CancelledError:
            await _end(process)
            raise
        self._launch = replace(self._launch, port=port)  # a restart must come back at the same address
        self._process = process
        return process


async def _greet(process: asyncio.subprocess.Process, launch: KeystoneLaunch) -> int:
    """Hand over the launch and wait for `ready PORT`; standard input stays open as the lifeline."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(launch.line())
    await process.stdin.drain()
    match (await process.stdout.readline()).split():
        case [b"ready", port]:
            return int(port)
    raise KeystoneFailed("it ended")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()  # the lifeline: it ends by itself
    try:
        await asyncio.wait_for(process.wait(), STOP_LIMIT)
    except TimeoutError:
        process.kill()
        await process.wait()


def _log_path(launch: KeystoneLaunch) -> Path:
    return Path(launch.state_dir) / "keystone.log"


def _open_log(launch: KeystoneLaunch) -> BinaryIO:
    path = _log_path(launch)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


def _last_lines(launch: KeystoneLaunch) -> str:
    return b"\n".join(_log_path(launch).read_bytes().splitlines()[-15:]).decode(errors="replace")
