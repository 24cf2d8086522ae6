"""`python -m bench [--servers N]`: the design's table, measured on the lab: vregion and a bare region side by side.

The N servers are made once, through vregion, in region 1. Both sides then list the very same servers: vregion's
answer is compared with that of the real Nova which runs them. They stay there: afterwards the lab is made anew
(`python -m lab down`, `python -m lab up 2`).
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.client import Endpoint, Figure, timed
from tests.e2e.cloud import Cloud, until
from tests.e2e.rig import PASSWORD, ZONES, Rig
from vregion.settings import Settings

VERSION = "compute 2.96"  # region 2's newest; both sides are asked for the same form
VERSIONS = {"compute": VERSION, "volume": "volume 3.70"}
VOLUMES = 20


class Bench:
    """Both sides of one run."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.tenant = rig.tenant()
        self.direct = rig.inside("az1")
        self.rows: list[tuple[str, Figure | float, Figure | float]] = []

    def ends(self, service: str) -> tuple[Endpoint, Endpoint]:
        """(vregion, the bare region)."""
        return tuple(Endpoint(side.url(service), side.token) for side in (self.tenant, self.direct))  # type: ignore[return-value]

    def compare(self, name: str, service: str, path: str | tuple[str, str], times: int, body: Any = None) -> None:
        """The same GET on both sides; `path` differs where ids do."""
        ours, theirs = self.ends(service)
        paths = (path, path) if isinstance(path, str) else path
        version = VERSIONS.get(service, "")
        figures = [
            timed(lambda e=end, p=at: e.send("GET", p, None, version), times)  # type: ignore[misc]
            for end, at in zip((ours, theirs), paths, strict=True)
        ]
        self.add(name, *figures)

    def add(self, name: str, ours: Figure | float, theirs: Figure | float) -> None:
        """A row of the table, printed at once."""
        self.rows.append((name, ours, theirs))
        a, b = (x.median if isinstance(x, Figure) else x for x in (ours, theirs))
        print(f"| {name} | {ours} | {theirs} | {b / a:.1f} |", flush=True)


def boot(end: Endpoint, image: str, flavor: str, networks: Any, zone: str = "", count: int = 1) -> str:
    """POST /servers; the id."""
    server = {"name": "bench", "imageRef": image, "flavorRef": flavor, "networks": networks}
    server |= {"min_count": count, "max_count": count}
    if zone:
        server["availability_zone"] = zone
    return str(end.json("POST", "/servers", {"server": server}, VERSION)["server"]["id"])


def active(end: Endpoint, server: str) -> bool:
    status = end.json("GET", f"/servers/{server}", None, VERSION)["server"]["status"]
    assert status != "ERROR"
    return bool(status == "ACTIVE")


def furniture(cloud: Cloud) -> tuple[str, str, str]:
    """An image, a flavor and a network with a subnet."""
    flavor = cloud.call("compute", "GET", "/flavors?sort_key=memory_mb")["flavors"][0]["id"]
    return cloud.image("bench", b"b" * 65536), flavor, cloud.network("bench", "10.64.0.0/16")


def boots(bench: Bench, ours: tuple[str, str, str], theirs: tuple[str, str, str]) -> None:
    """POST until the answer, and until ACTIVE: one after another, by turns, for the regions grow faster meanwhile."""
    sides = list(zip(bench.ends("compute"), (ours, theirs), ("az1", ""), strict=True))
    answers: tuple[list[float], list[float]] = ([], [])
    actives: tuple[list[float], list[float]] = ([], [])
    for turn in range(11):
        for (end, (image, flavor, network), zone), posts, waits in zip(sides, answers, actives, strict=True):
            began = time.perf_counter()
            server = boot(end, image, flavor, [{"uuid": network}], zone)
            answered = time.perf_counter()
            until(lambda e=end, s=server: active(e, s), 120, "ACTIVE", 0.02)  # type: ignore[misc]
            if turn:  # the first one brings the image
                posts.append((answered - began) * 1000)
                waits.append((time.perf_counter() - began) * 1000)
    for name, both in (("POST /servers until the answer", answers), ("POST /servers until ACTIVE", actives)):
        bench.add(name, *(Figure(sorted(side)[5], sorted(side)[8]) for side in both))


def creations(bench: Bench, ours: tuple[str, str, str], theirs: tuple[str, str, str]) -> None:
    """POST of networks and ports."""
    for name, body in (("network", {"name": "b"}), ("port", {})):
        figures = []
        for end, furnished in zip(bench.ends("network"), (ours, theirs), strict=True):
            wanted = {name: body | ({"network_id": furnished[2]} if name == "port" else {})}
            figures.append(timed(lambda e=end, w=wanted, n=name: e.send("POST", f"/{n}s", w), 20))  # type: ignore[misc]
        bench.add(f"POST /v2.0/{name}s", figures[0], figures[1])


def openings(bench: Bench) -> None:
    """A tenant with both zones by the provider's REST API, then his sign-in and his first list: seconds, of five.

    A bare region has nothing like it. The zones know the provider's token by then, as in a provider's daily work.
    """
    rig = bench.rig
    admin = {"auth_url": rig.keystone_url, "username": "admin", "password": PASSWORD, "project_name": "admin"}
    provider = Endpoint(f"{rig.url}/provider/v1", Cloud(admin, "vregion").token)
    zones = [{"availability_zone": zone, "backend": f"cloud{number}"} for zone, number in ZONES.items()]
    seconds = []
    for number in range(5):
        name = f"opened{number}"
        began = time.perf_counter()
        provider.send("POST", "/tenants", {"name": name, "admin_password": PASSWORD, "zones": zones})
        assert rig.tenant(name).call("compute", "GET", "/servers/detail") == {"servers": []}
        seconds.append(time.perf_counter() - began)
    for number in range(5):
        provider.send("DELETE", f"/tenants/opened{number}")
    print(f"| a tenant until his first list | {statistics.median(seconds):.2f} s (at most {max(seconds):.2f}) | | |")


def unlimited(bench: Bench) -> None:
    """The tenant's quota is not what is measured."""
    auth = {"auth_url": bench.rig.keystone_url, "username": "admin", "password": PASSWORD, "project_name": "admin"}
    keystone = Cloud(auth, "vregion")
    (role,) = keystone.call("identity", "GET", "/roles?name=admin")["roles"]
    mine = f"/projects/{bench.tenant.project_id}/users/{bench.tenant.user_id}"
    keystone.call("identity", "PUT", f"{mine}/roles/{role['id']}")
    sets, admin = f"/os-quota-sets/{bench.tenant.project_id}", bench.rig.tenant()
    admin.call("compute", "PUT", sets, {"quota_set": {"instances": -1, "cores": -1, "ram": -1}})
    admin.call("volume", "PUT", sets, {"quota_set": {"volumes": -1, "gigabytes": -1}})


def populate(bench: Bench, image: str, flavor: str, count: int) -> None:
    """`count` servers without ports in az1; ends when the real Nova has all of them."""
    unlimited(bench)
    end, real = bench.ends("compute")
    began = time.monotonic()
    have = len(end.json("GET", "/servers?limit=1000", None, VERSION)["servers"])
    while have < count:
        batch = min(50, count - have)
        boot(end, image, flavor, "none", "az1", batch)
        have += batch
        until(lambda: not end.json("GET", "/servers?status=BUILD&limit=1", None, VERSION)["servers"], 600, "built", 1)
    print(f"{count} servers after {time.monotonic() - began:.0f} s", flush=True)
    until(lambda: len(real.json("GET", "/servers?limit=1000", None, VERSION)["servers"]) >= count, 60, "there", 1)


def volumes(bench: Bench) -> None:
    """Lists of volumes of a gigabyte in az1, made through vregion: the same ones on both sides."""
    end, real = bench.ends("volume")
    for _ in range(VOLUMES):
        end.send("POST", "/volumes", {"volume": {"name": "bench", "size": 1, "availability_zone": "az1"}})
    until(lambda: len(end.json("GET", "/volumes?status=available")["volumes"]) == VOLUMES, 120, "available", 1)
    assert len(real.json("GET", "/volumes")["volumes"]) == VOLUMES
    bench.compare(f"GET /volumes/detail, {VOLUMES} volumes", "volume", "/volumes/detail", 50)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--servers", type=int, default=1000)
    count = parser.parse_args().servers
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), token_cache=Settings().token_cache_seconds)
        try:
            rig.start()
            bench = Bench(rig)
            print(f"memory at start: {rig.resident >> 20} MiB at most")
            print("| call | vregion | bare region | times |\n|---|---|---|---|", flush=True)
            ours, theirs = furniture(bench.tenant), furniture(bench.direct)
            boots(bench, ours, theirs)
            creations(bench, ours, theirs)
            bench.compare("GET /v2.0/networks", "network", "/networks", 50)
            populate(bench, ours[0], ours[1], count)
            volumes(bench)
            end, real = bench.ends("compute")
            pair = tuple(e.json("GET", "/servers?limit=1", None, VERSION)["servers"][0]["id"] for e in (end, real))
            bench.compare("GET /servers/{id}", "compute", (f"/servers/{pair[0]}", f"/servers/{pair[1]}"), 50)
            bench.compare(f"GET /servers/detail, {count} servers", "compute", "/servers/detail?limit=1000", 10)
            bench.compare("GET /servers/detail?limit=100", "compute", "/servers/detail?limit=100", 10)
            print(f"memory with {count} servers: {rig.resident >> 20} MiB at most")
            openings(bench)
        finally:
            rig.stop()


if __name__ == "__main__":
    main()
