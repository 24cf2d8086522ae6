"""`vregion demo`: a provider, two zones in memory and a tenant on this machine, in seconds and without root.

Everything but the clouds is real: Keystone from its package, the provider's operations, the tenant's API over HTTP.
State lies in a temporary folder and goes with the process.
"""

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.syntax import Syntax

from vregion.app import Application, serving
from vregion.directory.flavors import Flavor
from vregion.drivers.memory import MemoryCloud
from vregion.drivers.memory.networks import Networks
from vregion.identity.catalog import ensure_catalog
from vregion.identity.embedded import EmbeddedKeystone
from vregion.identity.keystone_config import KeystoneLaunch
from vregion.model.backend import Backend, Credential
from vregion.provider import backends, flavors, tenants
from vregion.provider.tenants import Opened
from vregion.provider.zones import Zone
from vregion.settings import Settings

HOST, PORT = "127.0.0.1", 8780
PASSWORD = "demo"  # noqa: S105 - of a demonstration on the loopback address that ends with its process
ZONES = ("az1", "az2")
ADMIN = Credential({"project": "admin"})
FLAVORS = (("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40))

CLOUDS = """\
clouds:
  vregion-demo:
    auth:
      auth_url: {auth_url}
      username: admin
      password: {password}
      project_name: default
      user_domain_name: acme
      project_domain_name: acme
    region_name: vregion
    identity_api_version: 3
"""
NEXT = """\
Save the entry above as clouds.yaml, then try:
  export OS_CLOUD=vregion-demo
  openstack availability zone list
  openstack server list --long
  openstack server create --flavor m1.tiny --image demo --network net-az2 --availability-zone az2 mine
  openstack catalog list
"""


@dataclass(frozen=True, slots=True)
class Story:
    """Tells what happens, and how long it took."""

    console: Console
    began: float

    def tell(self, words: str) -> None:
        """One line of progress."""
        self.console.print(f"[dim]{time.monotonic() - self.began:5.1f} s[/dim]  {words}", highlight=False)


class TenantCalls:
    """The tenant's own requests: one token, plain HTTP."""

    def __init__(self, http: aiohttp.ClientSession, base: str, token: str) -> None:
        self._http, self._base, self._token = http, base, token

    async def __call__(self, method: str, path: str, body: Any = None, data: bytes | None = None) -> Any:
        """The decoded answer. Raises RuntimeError with the service's words when it refuses."""
        headers = {"X-Auth-Token": self._token}
        if data is not None:
            headers["Content-Type"] = "application/octet-stream"
        async with self._http.request(method, self._base + path, json=body, data=data, headers=headers) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.content_type == "application/json" else None


async def demo(once: bool) -> None:
    """All of it; then serve until Ctrl-C, or end when `once`."""
    story = Story(Console(), time.monotonic())
    with tempfile.TemporaryDirectory(prefix="vregion-demo-") as folder:
        keystone = EmbeddedKeystone(KeystoneLaunch(folder + "/keystone", PASSWORD, password_hash_rounds=4))
        story.tell("starting Keystone ...")
        await keystone.start()
        try:
            story.tell(f"Keystone serves at {keystone.url}")
            async with serving(_settings(Path(folder), keystone.url)) as (application, running):
                opened = await _open_tenant(story, application)
                await _show(story, application, opened)
                _print_next(story.console, keystone.url)
                if not once:
                    story.console.print("Serving; Ctrl-C ends it and leaves nothing behind.")
                    await running
        finally:
            await keystone.stop()


def _settings(folder: Path, keystone_url: str) -> Settings:
    port = _free_port()
    return Settings(
        state_dir=folder,
        host=HOST,
        port=port,
        public_url=f"http://{HOST}:{port}",
        keystone_url=keystone_url,
        keystone_password=PASSWORD,
    )


def _free_port() -> int:
    """The usual port, or any other when something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _open_tenant(story: Story, application: Application) -> Opened:
    settings, provider = application.settings, application.provider
    await ensure_catalog(application.identity, settings.public_url, settings.keystone_url, settings.region_name)
    for number, zone in enumerate(ZONES):
        Networks.to_the_outside(MemoryCloud.at(f"cloud-{zone}"), f"203.0.{113 + number}.0/24")
        await backends.add(provider, Backend(f"cloud-{zone}", f"cloud-{zone}", "memory", f"cloud-{zone}", ""), ADMIN)
    for name, vcpus, ram, disk in FLAVORS:
        await flavors.add(provider, Flavor(name, name, vcpus, ram, disk))
    story.tell("the provider added two clouds (in memory) and three flavors")
    began = time.monotonic()
    opened = await tenants.open_(provider, "acme", PASSWORD, [Zone(zone, f"cloud-{zone}") for zone in ZONES])
    story.tell(f"tenant acme opened in {time.monotonic() - began:.2f} s: a virtual region with zones az1 and az2")
    return opened


async def _show(story: Story, application: Application, opened: Opened) -> None:
    """What a tenant does first: an image, a network and a server in each zone."""
    async with _tenant(application, opened) as call:
        image = await call(
            "POST", "/image/v2/images", {"name": "demo", "disk_format": "raw", "container_format": "bare"}
        )
        await call("PUT", f"/image/v2/images/{image['id']}/file", data=b"vregion" * 4096)
        story.tell("image demo uploaded to the default zone")
        began = time.monotonic()
        servers = [await _boot(call, zone, image["id"]) for zone in ZONES]
        for server in servers:
            while (shown := (await call("GET", f"/compute/v2.1/servers/{server}"))["server"])["status"] == "BUILD":
                await asyncio.sleep(0.05)
            zone, status = shown["OS-EXT-AZ:availability_zone"], shown["status"]
            story.tell(f"server {shown['name']} in {zone}: {status} after {time.monotonic() - began:.1f} s")


async def _boot(call: TenantCalls, zone: str, image_id: str) -> str:
    network = await call("POST", "/network/v2.0/networks", {"network": {"name": f"net-{zone}"}})
    network_id = network["network"]["id"]
    cidr = f"10.{ZONES.index(zone) + 1}.0.0/24"
    await call("POST", "/network/v2.0/subnets", {"subnet": {"network_id": network_id, "ip_version": 4, "cidr": cidr}})
    wanted = {
        "name": f"web-{zone}",
        "imageRef": image_id,
        "flavorRef": "m1.tiny",
        "availability_zone": zone,
        "networks": [{"uuid": network_id}],
    }
    return str((await call("POST", "/compute/v2.1/servers", {"server": wanted}))["server"]["id"])


@asynccontextmanager
async def _tenant(application: Application, opened: Opened) -> AsyncIterator[TenantCalls]:
    user = {"id": opened.admin_id, "password": opened.password}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"id": opened.project_id}},
    }
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{application.settings.keystone_url}/auth/tokens", json={"auth": auth}) as answer:
            answer.raise_for_status()
            token = answer.headers["X-Subject-Token"]
        yield TenantCalls(http, application.settings.public_url, token)


def _print_next(console: Console, auth_url: str) -> None:
    console.print(Syntax(CLOUDS.format(auth_url=auth_url, password=PASSWORD), "yaml", background_color="default"))
    console.print(NEXT, highlight=False)
