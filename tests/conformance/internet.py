"""Where Tempest runs on a lab with switches: in the lab's internet, from which servers are reached by floating IPs.

The services listen on this machine's loopback, which that network namespace does not have. `internet` makes each of
their addresses answer there too, by two relays over a socket file.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from lab.network.switches import INET
from lab.regions import known_one
from tests.e2e.cloud import TYPES, Cloud

SECONDS = 10  # in which a relay has to listen
THERE = ["ip", "netns", "exec", INET]


@contextmanager
def internet(cloud: Cloud) -> Iterator[list[str]]:
    """The words before a command that shall run there and ask this cloud; none on a lab without switches."""
    if not known_one(1).has_switches:
        yield []
        return
    places = {urlsplit(cloud.url(service)).netloc for service in TYPES}
    relays: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        for place in places:
            host, _, port = place.partition(":")
            meeting = Path(folder) / f"{host}-{port}"  # a colon would end the name for socat
            relays.append(subprocess.Popen(["socat", f"UNIX-LISTEN:{meeting},fork", f"TCP:{place}"]))
            listen = f"TCP-LISTEN:{port},bind={host},fork,reuseaddr"
            relays.append(subprocess.Popen([*THERE, "socat", listen, f"UNIX-CONNECT:{meeting}"]))
        try:
            for place in places:
                _await(place)
            yield THERE
        finally:
            for relay in relays:
                relay.terminate()
                relay.wait()


def _await(place: str) -> None:
    end = time.monotonic() + SECONDS
    look = [*THERE, "curl", "-s", "-o", "/dev/null", f"http://{place}/"]
    while subprocess.run(look, check=False).returncode:
        assert time.monotonic() < end, f"{place} does not answer in the lab's internet"
        time.sleep(0.2)
