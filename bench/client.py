"""A client that costs little beside what it measures: one kept-alive connection, one token, no parsing unless asked."""

import http.client
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

IDLE = 2.0  # seconds after which a server may have closed the connection


class Endpoint:
    """One service's base URL with a token."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path.rstrip("/")
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=120)
        self._used = time.monotonic()
        self._headers = {"X-Auth-Token": token, "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: Any = None, version: str = "") -> bytes:
        """The body of a successful answer."""
        headers = self._headers | ({"OpenStack-API-Version": version} if version else {})
        data = None if body is None else json.dumps(body).encode()
        if time.monotonic() - self._used > IDLE:
            self._connection.close()
        self._connection.request(method, self._path + path, data, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def json(self, method: str, path: str, body: Any = None, version: str = "") -> Any:
        """The decoded answer."""
        return json.loads(self.send(method, path, body, version) or b"null")


@dataclass(frozen=True)
class Figure:
    """Milliseconds of one call."""

    median: float
    p90: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ms (p90 {self.p90:.2f})"


def timed(call: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> Figure:
    """Call it once to warm up, then `times` times; the clock counts seconds."""
    call()
    seconds = []
    for _ in range(times):
        began = clock()
        call()
        seconds.append((clock() - began) * 1000)
    seconds.sort()
    return Figure(statistics.median(seconds), seconds[int(len(seconds) * 0.9) - 1])
