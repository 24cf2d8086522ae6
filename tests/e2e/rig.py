"""A whole vregion as a provider runs it, over the lab's real regions: processes, the CLIs, and nothing of ours inside.

`Rig` starts a Keystone for the tenants and `vregion serve` as processes, adds both regions as backends with the
provider's own CLI, and opens a tenant. The tests speak to it with the stock `openstack` client or plain HTTP, and look
at each region through its own endpoints with its own administrator.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from vregion.identity.embedded import EmbeddedKeystone
from vregion.identity.keystone_config import KeystoneLaunch

LAB_STATE = Path(os.environ.get("LAB_STATE", "/var/tmp/lab"))
BIN = Path(sys.executable).parent
PASSWORD = "password-of-the-rig"
SERVICES = {"compute": "compute", "network": "network", "volume": "block-storage", "image": "image"}


class Cloud:
    """Plain HTTP to one OpenStack as one user; `call('compute', 'GET', '/servers')` -> decoded answer."""

    def __init__(self, auth: dict[str, Any], region_name: str) -> None:
        self._http = requests.Session()
        user = {"name": auth["username"], "password": auth["password"], "domain": _domain(auth, "user")}
        scope = {"project": {"name": auth["project_name"], "domain": _domain(auth, "project")}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = self._http.post(auth["auth_url"].rstrip("/") + "/auth/tokens", json=body, timeout=60)
        answer.raise_for_status()
        token = answer.json()["token"]
        self.project_id: str = token["project"]["id"]
        self.token = answer.headers["X-Subject-Token"]
        self._http.headers["X-Auth-Token"] = self.token
        self._urls = {}
        for service in token["catalog"]:
            for endpoint in service["endpoints"]:
                if endpoint["interface"] == "public" and endpoint["region_id"] == region_name:
                    self._urls[service["type"]] = endpoint["url"].rstrip("/")
        self._urls["network"] += "" if self._urls["network"].endswith("/v2.0") else "/v2.0"
        self._urls["image"] += "" if self._urls["image"].endswith("/v2") else "/v2"

    def send(self, service: str, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """The answer as it is. `version` asks for a microversion of compute or volume."""
        headers = dict(more.pop("headers", {}))
        if version := more.pop("version", None):
            headers["OpenStack-API-Version"] = f"{service} {version}"
        url = self._urls[SERVICES[service]] + path
        return self._http.request(method, url, json=body, headers=headers, timeout=120, **more)

    def call(self, service: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The decoded answer; an assertion on its status."""
        answer = self.send(service, method, path, body, **more)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else None


def _domain(auth: dict[str, Any], whose: str) -> dict[str, str]:
    name = auth.get(f"{whose}_domain_name")
    return {"name": name} if name else {"id": auth.get(f"{whose}_domain_id", "default")}


def until(what: Callable[[], Any], seconds: float = 60, every: float = 0.2) -> Any:
    """The first true value of `what`; an assertion when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)
    return found


@dataclass
class Rig:
    """Start it, use it, stop it. `tenant()` is acme's administrator by HTTP, `openstack()` the stock client as him."""

    folder: Path
    keystone_url: str = ""
    url: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Rig":
        """Keystone, vregion, two backends, flavors and the tenant acme with zones az1 and az2."""
        self.lab = yaml.safe_load((LAB_STATE / "clouds.yaml").read_text())["clouds"]
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._keystone = EmbeddedKeystone(KeystoneLaunch(str(self.folder / "keystone"), PASSWORD, password_hash_rounds=4))
        asyncio.run_coroutine_threadsafe(self._keystone.start(), self._loop).result(120)
        self.keystone_url = self._keystone.url
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.serve()
        for number in (1, 2):
            self.add_backend(f"cloud{number}", f"region{number}")
        for flavor in self.shared_flavors():
            name, vcpus, ram, disk = flavor
            self.vregion("flavor", "add", name, f"vcpus={vcpus}", f"ram={ram}", f"disk={disk}")
        self.vregion(
            "tenant", "open", "acme", "--zone", "az1=cloud1", "--zone", "az2=cloud2", "--password-file", "-",
            secret=PASSWORD,
        )  # fmt: skip
        self.write_clouds()
        return self

    def stop(self) -> None:
        """End both processes."""
        self.end(signal.SIGTERM)
        asyncio.run_coroutine_threadsafe(self._keystone.stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def serve(self) -> None:
        """Start `vregion serve` and wait until it answers."""
        config = self.folder / "vregion.toml"
        config.write_text(
            f'state_dir = "{self.folder}/state"\nport = {self.port}\npublic_url = "{self.url}"\n'
            f'keystone_url = "{self.keystone_url}"\nkeystone_password = "{PASSWORD}"\n'
        )
        config.chmod(0o600)
        with (self.folder / "vregion.log").open("ab") as log:
            command = [str(BIN / "vregion"), "serve", "--config", str(config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._answers, 60, 0.1)

    def end(self, how: signal.Signals) -> None:
        """Signal the process and wait for its end; SIGKILL is the crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "vregion.log").read_text()[-3000:]
        try:
            return requests.get(self.url + "/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def vregion(self, *words: str, secret: str = "") -> str:
        """The provider's CLI; what it printed."""
        environ = {
            "OS_AUTH_URL": self.keystone_url,
            "OS_USERNAME": "admin",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "admin",
            "VREGION_PUBLIC_URL": self.url,
        }
        return _run([str(BIN / "vregion"), *words], os.environ | environ, secret)

    def add_backend(self, name: str, region: str) -> None:
        """A region of the lab as a backend, with its administrator as the provider's credential."""
        auth = self.lab[f"{region}-admin"]["auth"]
        given = {k: v for k, v in auth.items() if k not in ("auth_url", "password")}
        pairs = [word for key, value in given.items() for word in ("--credential", f"{key}={value}")]
        self.vregion(
            "backend", "add", name, "--address", auth["auth_url"], "--region-name", self.lab[region]["region_name"],
            *pairs, "--password-file", "-", secret=auth["password"],
        )  # fmt: skip

    def shared_flavors(self) -> list[tuple[str, int, int, int]]:
        """Two shapes of a flavor that region 1 has; vregion makes them where they are missing."""
        found = self.direct(1).call("compute", "GET", "/flavors/detail?sort_key=memory_mb")["flavors"]
        return [(f"v1.{i}", f["vcpus"], f["ram"], f["disk"]) for i, f in enumerate(found[:2])]

    def write_clouds(self) -> None:
        """clouds.yaml for the stock client."""
        auth = self.auth()
        entry = {"auth": auth, "region_name": "vregion", "identity_api_version": 3}
        (self.folder / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"acme": entry}}))

    def auth(self, tenant: str = "acme") -> dict[str, str]:
        """How the tenant's administrator signs in."""
        return {
            "auth_url": self.keystone_url,
            "username": "admin",
            "password": PASSWORD,
            "project_name": "default",
            "user_domain_name": tenant,
            "project_domain_name": tenant,
        }

    def tenant(self, name: str = "acme") -> Cloud:
        """The tenant's administrator by plain HTTP, through vregion."""
        return Cloud(self.auth(name), "vregion")

    def openstack(self, *words: str) -> Any:
        """The stock client as the tenant; its JSON where the command has such a form."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        environ |= {"OS_CLOUD": "acme", "OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml")}
        told = _run([str(BIN / "openstack"), *words], environ)
        return json.loads(told) if "json" in words else told

    def direct(self, region: int, persona: str = "-admin") -> Cloud:
        """A region of the lab through its own endpoints."""
        entry = self.lab[f"region{region}{persona}"]
        return Cloud(entry["auth"], entry["region_name"])


def _run(command: list[str], environ: dict[str, str], secret: str = "") -> str:
    done = subprocess.run(command, env=environ, input=secret, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout
