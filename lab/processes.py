"""Processes of the lab: one session each, with a pid file and a log.

Everybody who starts something starts it here. Names are `rN-service` for a region and plain words for what is
shared. A process is ended by the pids of its own session, never by a name: other labs may run on this machine.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lab.settings import LOGS, PIDS

Word = str | Path
SCRUBBED = ("OS_", "PYTHON", "RABBITMQ", "ERL")


def spawn(name: str, command: Sequence[Word], env: Mapping[str, str] | None = None) -> None:
    """Start `command` unless it runs already."""
    if alive(name):
        return
    PIDS.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(SCRUBBED)}
    with log_of(name).open("ab") as log:
        process = subprocess.Popen(
            [str(word) for word in command],
            env={**clean, **(env or {})},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (PIDS / f"{name}.pid").write_text(f"{process.pid}\n")


def log_of(name: str) -> Path:
    return LOGS / f"{name}.log"


def pid_of(name: str) -> int:
    """The pid that was written down, 0 without one."""
    try:
        return int((PIDS / f"{name}.pid").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def running(pid: int) -> bool:
    """A zombie counts as running while other threads still hold its sockets."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def alive(name: str) -> bool:
    pid = pid_of(name)
    return bool(pid) and running(pid)


def names() -> list[str]:
    return sorted(path.stem for path in PIDS.glob("*.pid")) if PIDS.is_dir() else []


def session_pids(session: int) -> list[int]:
    """Every process of one session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                found.append(int(entry.name))
    return found


def stop(which: Iterable[str], limit: float = 15) -> None:
    """End the named sessions: TERM, and KILL for what is left after `limit` seconds."""
    sessions = {name: pid_of(name) for name in which}
    left = {pid for session in sessions.values() if session for pid in session_pids(session)}
    send(left, signal.SIGTERM)
    end = time.time() + limit
    while left and time.time() < end:
        left = {pid for pid in left if running(pid)}
        time.sleep(0.1)
    send(left, signal.SIGKILL)
    for name in sessions:
        (PIDS / f"{name}.pid").unlink(missing_ok=True)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def must_live(name: str) -> None:
    if not alive(name):
        raise SystemExit(f"{name} died: see {log_of(name)}")


def wait_port(host: str, port: int, name: str, limit: float = 120) -> None:
    """Until something listens; at once an error when the process is gone."""
    end = time.time() + limit
    while time.time() < end:
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            must_live(name)
            time.sleep(0.15)
        else:
            return
    raise SystemExit(f"{name}: {host}:{port} did not open")


def wait_log(name: str, text: str, limit: float = 120) -> None:
    end = time.time() + limit
    while time.time() < end:
        if log_of(name).exists() and text in log_of(name).read_text(errors="replace"):
            return
        must_live(name)
        time.sleep(0.2)
    raise SystemExit(f"{name}: no {text!r} in its log")


def run(command: Sequence[Word], env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run to the end; its output, or an end of this program with it."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        env={**os.environ, **(env or {})},
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(words)}\n{done.stdout[-4000:]}")
    return done.stdout
