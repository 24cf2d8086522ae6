"""`vregion demo` as the tutorial tells it: it shows everything, serves until Ctrl-C, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import requests

COMMAND = [str(Path(sys.executable).with_name("vregion")), "demo"]
ENVIRON = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}


def left(mark: str) -> list[str]:
    """Command lines of processes that carry this variable in their environment, ours aside."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_once_shows_a_server_in_each_zone_and_ends() -> None:
    mark = f"demo-test-{os.getpid()}-once"
    done = subprocess.run(
        [*COMMAND, "--once"], env=ENVIRON | {"MARK": mark}, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"server web-az1 in az1: ACTIVE", done.stdout)
    assert re.search(r"server web-az2 in az2: ACTIVE", done.stdout)
    assert "auth_url: http://127.0.0.1:" in done.stdout
    assert left(mark) == []


def test_it_serves_until_interrupted() -> None:
    mark = f"demo-test-{os.getpid()}-serve"
    with subprocess.Popen(COMMAND, env=ENVIRON | {"MARK": mark}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if line.startswith("Serving"):
                break
        found = re.search(r"auth_url: (\S+)", told)
        assert found, told
        assert requests.get(found[1], timeout=10).status_code == 200
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(60) == 0
    assert left(mark) == []
