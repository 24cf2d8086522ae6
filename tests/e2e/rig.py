"""A whole vregion as a provider runs it, over the lab's real regions: processes, the two CLIs, nothing of ours inside.

`Rig` starts a Keystone for the tenants and `vregion serve` as processes, adds both regions as backends with the
provider's own CLI, and opens the tenants. The tests speak to it as a tenant, with the stock `openstack` client or plain
HTTP (`cloud.py`), and look at each region through its own endpoints with its own administrator.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.e2e.clients import without_openstack
from tests.e2e.cloud import COMPUTE, Cloud, until
from tests.inventory import inventory, lab_clouds
from vregion.identity.embedded import EmbeddedKeystone
from vregion.identity.keystone_config import KeystoneLaunch

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PASSWORD = "password-of-the-rig"
ZONES = {"az1": 1, "az2": 2}  # zone -> number of the lab's region
TOKEN_CACHE = 3.0  # seconds: short, for the tests that see a token end
SETTINGS = """
state_dir = "{folder}/state"
port = {port}
public_url = "http://127.0.0.1:{port}"
keystone_url = "{keystone_url}"
keystone_password = "{password}"
token_cache_seconds = {token_cache}
backend_timeout = 20.0
"""


@dataclass
class Rig:
    """Start it, use it, stop it; `close` also closes the tenants and says what was left behind in the regions."""

    folder: Path
    keystone_url: str = ""
    url: str = ""
    lab: dict[str, Any] = field(default_factory=lab_clouds)
    token_cache: float = TOKEN_CACHE
    _port: int = 0
    _clouds: dict[str, Any] = field(default_factory=dict)
    _before: dict[int, set[str]] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _keystone: EmbeddedKeystone | None = None
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Rig":
        """Keystone, vregion, two backends, two flavors that both regions have, and the tenant acme over both."""
        self._before = {region: inventory(self.direct(region)) for region in ZONES.values()}
        launch = KeystoneLaunch(str(self.folder / "keystone"), PASSWORD, password_hash_rounds=4)
        self._keystone = EmbeddedKeystone(launch)
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._keystone.start(), self._loop).result(120)
        self.keystone_url = self._keystone.url
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.serve()
        for number in ZONES.values():
            self.add_backend(f"cloud{number}", number)
        for number, shape in enumerate(((1, 512, 1), (1, 2048, 20)), 1):
            words = (f"{key}={value}" for key, value in zip(("vcpus", "ram", "disk"), shape, strict=True))
            self.vregion("flavor", "add", f"v1.{number}", *words, "--id", str(number))
        self.open_tenant("acme", az1="cloud1", az2="cloud2")
        self._note("acme", self.auth())
        return self

    def stop(self) -> None:
        """End both processes, or what there is of them after a start that failed."""
        self.end(signal.SIGTERM)
        if self._keystone is not None:
            asyncio.run_coroutine_threadsafe(self._keystone.stop(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            until(lambda: not self._loop.is_running(), 10, "the loop ends")
        self._loop.close()

    def close(self) -> list[str]:
        """Close every tenant and forget every backend; what the regions hold now and did not hold before."""
        for tenant in json.loads(self.vregion("tenant", "list", "-f", "json")):
            self.vregion("tenant", "close", tenant["name"])
        for backend in json.loads(self.vregion("backend", "list", "-f", "json")):
            self.vregion("backend", "remove", backend["name"])
        return [
            f"region{region}: {line}"
            for region, before in self._before.items()
            for line in sorted(inventory(self.direct(region)) - before)
        ]

    def serve(self) -> None:
        """Start `vregion serve` and wait until it answers."""
        config = self.folder / "vregion.toml"
        config.touch(0o600)
        config.write_text(
            SETTINGS.format(
                folder=self.folder,
                port=self._port,
                keystone_url=self.keystone_url,
                password=PASSWORD,
                token_cache=self.token_cache,
            )
        )
        with (self.folder / "vregion.log").open("ab") as log:
            command = [str(BIN / "vregion"), "serve", "--config", str(config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._answers, 60, "vregion answers", every=0.05)

    def end(self, how: signal.Signals) -> None:
        """Signal the process and wait for its end; SIGKILL is the crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    @property
    def resident(self) -> int:
        """Bytes of memory that `vregion serve` holds, and the most that it ever held."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "vregion.log").read_text()[-3000:]
        try:
            return requests.get(self.url + "/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def vregion(self, *words: str, secret: str = "", fails: bool = False) -> str:
        """The provider's CLI; what it printed. `fails`: it has to, and its complaint is the answer."""
        environ = {
            "OS_AUTH_URL": self.keystone_url,
            "OS_USERNAME": "admin",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "admin",
            "VREGION_PUBLIC_URL": self.url,
        }
        done = _run([str(BIN / "vregion"), *words], without_openstack() | environ, secret)
        assert (done.returncode != 0) == fails, f"{' '.join(words)}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
        return done.stderr if fails else done.stdout

    def openstack(self, *commands: str, fails: bool = False, cloud: str = "acme") -> str:
        """The stock client as acme's administrator, or as the person of that name: one process, which reads commands
        from its standard input.

        What they printed. `fails`: they have to, and their complaint is the answer. Which command failed is told on
        standard error only; the status is that of the interactive mode's end.
        """
        environ = {"OS_CLOUD": cloud, "OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml")}
        environ["OS_COMPUTE_API_VERSION"] = COMPUTE
        lines = "".join(f"{command}\n" for command in commands)
        done = _run([str(BIN / "openstack")], without_openstack() | environ, lines)
        assert bool(done.stderr.strip()) == fails, f"{lines}{done.stdout[-1000:]}{done.stderr[-2000:]}"
        return done.stderr if fails else done.stdout

    def told(self, *commands: str) -> list[Any]:
        """What each of these commands of the stock client tells in JSON."""
        text = self.openstack(*(f"{command} -f json" for command in commands)).strip()
        found = []
        while text:
            document, end = json.JSONDecoder().raw_decode(text)
            found.append(document)
            text = text[end:].strip()
        assert len(found) == len(commands)
        return found

    def add_backend(self, name: str, region: int) -> None:
        """A region of the lab as a backend, with its administrator as the provider's credential."""
        entry = self.lab[f"region{region}-admin"]
        auth = entry["auth"]
        given = {k: v for k, v in auth.items() if k not in ("auth_url", "password")}
        pairs = [word for key, value in given.items() for word in ("--credential", f"{key}={value}")]
        place = ("--address", auth["auth_url"], "--region-name", entry["region_name"])
        self.vregion("backend", "add", name, *place, *pairs, "--password-file", "-", secret=auth["password"])

    def open_tenant(self, name: str, **zones: str) -> None:
        """A tenant whose administrator is `admin` with the rig's password."""
        pairs = [word for zone, backend in zones.items() for word in ("--zone", f"{zone}={backend}")]
        self.vregion("tenant", "open", name, *pairs, "--password-file", "-", secret=PASSWORD)

    def zones(self, tenant: str = "acme") -> list[Any]:
        """What `zone list` tells."""
        found: list[Any] = json.loads(self.vregion("zone", "list", tenant, "-f", "json"))
        return found

    def auth(self, tenant: str = "acme", user: str = "admin") -> dict[str, str]:
        """How somebody of a tenant signs in to his project."""
        project = {"project_name": "default", "project_domain_name": tenant}
        person = {"username": user, "password": PASSWORD, "user_domain_name": tenant}
        return {"auth_url": self.keystone_url, **person, **project}

    def tenant(self, name: str = "acme", user: str = "admin", timeout: float = 120) -> Cloud:
        """Somebody of a tenant by plain HTTP, through vregion."""
        return Cloud(self.auth(name, user), "vregion", timeout)

    def person(self, name: str, role: str, tenant: str = "acme") -> Cloud:
        """A new user, whom the tenant's own administrator makes and gives one role on his project; `admin` no domain's
        manager gives, but the provider.
        """
        auth = {k: v for k, v in self.auth(tenant).items() if not k.startswith("project")}
        domain, project = Cloud(auth, "vregion"), self.tenant(tenant).project_id
        user = {"name": name, "password": PASSWORD, "domain_id": self._domain_id(tenant)}
        user_id = domain.call("identity", "POST", "/users", {"user": user})["user"]["id"]
        roles = {r["name"]: r["id"] for r in domain.call("identity", "GET", "/roles")["roles"]}
        who = self._provider() if role == "admin" else domain
        who.call("identity", "PUT", f"/projects/{project}/users/{user_id}/roles/{roles[role]}")
        self._note(name, self.auth(tenant, name))
        return self.tenant(tenant, name)

    def _note(self, cloud: str, auth: dict[str, str]) -> None:
        """For the stock client."""
        self._clouds[cloud] = {"auth": auth, "region_name": "vregion", "identity_api_version": 3}
        (self.folder / "clouds.yaml").write_text(yaml.safe_dump({"clouds": self._clouds}))

    def _provider(self) -> Cloud:
        who = {"username": "admin", "password": PASSWORD, "project_name": "admin"}
        return Cloud({"auth_url": self.keystone_url, **who}, "vregion")

    def _domain_id(self, tenant: str) -> str:
        return str(json.loads(self.vregion("tenant", "show", tenant, "-f", "json"))["domain_id"])

    def direct(self, region: int, persona: str = "-admin") -> Cloud:
        """A region of the lab through its own endpoints, as its administrator; with no persona as its plain member."""
        entry = self.lab[f"region{region}{persona}"]
        return Cloud(entry["auth"], entry["region_name"])

    def inside(self, zone: str, tenant: str = "acme", region: int = 0) -> Cloud:
        """The region's administrator in the project that a tenant's zone has there; to see, and to be a stranger."""
        region = region or ZONES[zone]
        admin = self.direct(region)
        (binding,) = [one["binding_id"] for one in self.zones(tenant) if one["availability_zone"] == zone]
        (project,) = admin.call("identity", "GET", f"/projects?tags=vregion:{binding}")["projects"]
        (role,) = admin.call("identity", "GET", "/roles?name=admin")["roles"]
        admin.call("identity", "PUT", f"/projects/{project['id']}/users/{admin.user_id}/roles/{role['id']}")
        entry = self.lab[f"region{region}-admin"]
        return Cloud({**entry["auth"], "project_id": project["id"]}, entry["region_name"])

    @contextmanager
    def dead(self, region: int) -> Iterator[None]:
        """All processes of a region are gone for a while; its switches and servers stay."""
        self.python_m_lab("stop-region", str(region))
        try:
            yield
        finally:
            self.python_m_lab("start-region", str(region))

    def python_m_lab(self, *words: str) -> None:
        """A command of the lab, such as `stop-region 2`."""
        done = _run([sys.executable, "-m", "lab", *words], dict(os.environ))
        assert done.returncode == 0, done.stdout + done.stderr


def _run(command: list[str], environ: dict[str, str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=environ, input=stdin, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT
    )
