"""What a proof asks of a server: addresses, pings, web pages, all from inside its network namespace.

The network proofs use it together with lab.proofs.tenant. A probe answers what it saw; only `check` judges.
"""

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

from lab.network.switches import INET, INTERNET_IP

Seen = TypeVar("Seen")
CURL = ("curl", "-qs", "-m", "3", "--noproxy", "*")
failed: list[str] = []


def check(name: str, holds: object, note: str = "") -> None:
    """Print one finding, and remember it when it does not hold."""
    print(f"{'PASS' if holds else 'FAIL'} {name}{f'  ({note})' if note else ''}", flush=True)
    if not holds:
        failed.append(name)


def until(look: Callable[[], Seen], limit: float = 30, step: float = 0.3) -> Seen:
    """Look until something is seen, at most `limit` seconds; the last look."""
    end = time.time() + limit
    while True:
        seen = look()
        if seen or time.time() > end:
            return seen
        time.sleep(step)


def attempt(*command: str) -> tuple[bool, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout


def inside(server: str, *command: str) -> tuple[bool, str]:
    return attempt("ip", "netns", "exec", f"vm-{server}", *command)


def addresses(server: str) -> str:
    return inside(server, "ip", "-4", "-o", "addr")[1]


def has_address(server: str, address: str) -> bool:
    return until(lambda: f" {address}/" in addresses(server))


def ping(server: str, address: str, limit: float = 20) -> bool:
    return until(lambda: inside(server, "ping", "-n", "-c1", "-W1", address)[0], limit)


def silent(server: str, address: str, count: int = 3) -> bool:
    """No answer to any of `count` pings."""
    return not any(inside(server, "ping", "-n", "-c1", "-W1", address)[0] for _ in range(count))


def round_trip(server: str, address: str) -> str:
    last = inside(server, "ping", "-n", "-i", "0.1", "-c10", address)[1].strip().splitlines()[-1:]
    return last[0] if last else "no answer"


def web(server: str, address: str, path: str = "/") -> str:
    """What the web server at `address` says, "" without an answer."""
    return inside(server, *CURL, f"http://{address}{path}")[1].strip()


def web_from_internet(address: str) -> str:
    source = ("--interface", INTERNET_IP)
    return attempt("ip", "netns", "exec", INET, *CURL, *source, f"http://{address}/")[1].strip()


def seen_by_internet(server: str) -> str:
    """The address with which the server reaches the internet."""
    return until(lambda: web(server, INTERNET_IP, "/cgi-bin/ip"), 20)
