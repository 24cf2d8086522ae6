"""A whole vregion for tests, in a thread of its own: real Keystone, HTTP on a free port, two zones in memory.

`Running.start()` opens two tenants, `acme` and `rival`; acme has users with the personas that stock suites want. Tests
of any kind speak HTTP to it. `run` executes a coroutine in its loop.
"""

import asyncio
import socket
import threading
import uuid
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from vregion.app import Application, serving
from vregion.directory.flavors import Flavor
from vregion.drivers.memory import MemoryCloud
from vregion.drivers.memory.networks import Networks
from vregion.identity.catalog import ensure_catalog
from vregion.identity.embedded import EmbeddedKeystone
from vregion.identity.keystone_config import KeystoneLaunch
from vregion.identity.tenants import ensure_user
from vregion.model.backend import Backend, Credential
from vregion.provider import backends, flavors, tenants
from vregion.provider.tenants import Opened
from vregion.provider.zones import Zone
from vregion.settings import Settings

T = TypeVar("T")
PASSWORD = "password-of-the-tests"
ZONES = ("az1", "az2")
SHAPES = (("1", "m1.tiny", 1, 512, 1), ("2", "m1.small", 1, 2048, 20), ("3", "m1.medium", 2, 4096, 40))
FLAVORS = tuple(Flavor(*shape) for shape in SHAPES)
PRIVATE = Flavor("private", "m1.private", 2, 1000, 3, is_public=False)  # acme has it, rival has not


@dataclass
class Running:
    """`url` is the API's, `keystone_url` ends in /v3. `tokens` by persona of acme; rival has 'other', 'other admin'."""

    folder: Path
    database_url: str = ""
    url: str = ""
    keystone_url: str = ""
    clouds: dict[str, MemoryCloud] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, Opened] = field(default_factory=dict)
    application: Application = field(init=False)
    loop: asyncio.AbstractEventLoop = field(init=False)
    _ready: "Future[None]" = field(default_factory=Future)
    _stop: asyncio.Event = field(init=False)
    _thread: threading.Thread = field(init=False)

    def start(self) -> "Running":
        """Returns when requests are served."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._thread.start()
        self._ready.result(120)
        return self

    def stop(self) -> None:
        """Ends everything."""
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine in vregion's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _live(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        keystone = EmbeddedKeystone(KeystoneLaunch(str(self.folder / "keystone"), PASSWORD, password_hash_rounds=4))
        try:
            await keystone.start()
            self.keystone_url = keystone.url
            async with serving(self._settings()) as (self.application, _):
                await self._furnish()
                self._ready.set_result(None)
                await self._stop.wait()
        except BaseException as failed:
            if not self._ready.done():
                self._ready.set_exception(failed)
            raise
        finally:
            await keystone.stop()

    def _settings(self) -> Settings:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return Settings(
            state_dir=self.folder,
            port=port,
            public_url=self.url,
            keystone_url=self.keystone_url,
            keystone_password=PASSWORD,
            database_url=self.database_url,
        )

    async def _furnish(self) -> None:
        app = self.application
        await ensure_catalog(app.identity, self.url, self.keystone_url)
        for zone in ZONES:
            name = f"{zone}-{uuid.uuid4()}"
            self.clouds[zone] = MemoryCloud.clouds[name] = MemoryCloud(name)
            Networks.to_the_outside(self.clouds[zone], f"203.0.{112 + len(self.clouds)}.0/24")
            backend = Backend(zone, f"cloud-{zone}", "memory", name, "")
            await backends.add(app.provider, backend, Credential({"project": "admin"}))
        for flavor in (*FLAVORS, PRIVATE):
            await flavors.add(app.provider, flavor)
        zones = [Zone(zone, f"cloud-{zone}") for zone in ZONES]
        for name in ("acme", "rival"):
            self.tenants[name] = await tenants.open_(app.provider, name, PASSWORD, zones)
        acme = self.tenants["acme"]
        await flavors.give(app.provider, PRIVATE.id, "acme")
        for persona, roles in (("reader", ["reader"]), ("member", ["member", "reader"]), ("admin", ["admin"])):
            self.tokens[persona] = await self._token(acme, await self._user(acme, persona, roles))
        self.tokens["manager"] = await self._token(acme, acme.admin_id)
        rival = self.tenants["rival"]
        self.tokens["other"] = await self._token(rival, rival.admin_id)
        self.tokens["other admin"] = await self._token(rival, await self._user(rival, "admin", ["admin"]))

    async def _user(self, tenant: Opened, name: str, roles: list[str]) -> str:
        identity = self.application.identity
        user_id, _ = await ensure_user(identity, tenant.tenant.domain_id, f"{name}-user", PASSWORD)
        known = {role["name"]: role["id"] for role in (await identity.request("GET", "/roles"))["roles"]}
        for role in roles:
            await identity.request("PUT", f"/projects/{tenant.project_id}/users/{user_id}/roles/{known[role]}")
        return user_id

    async def _token(self, tenant: Opened, user_id: str) -> str:
        user = {"id": user_id, "password": PASSWORD}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": tenant.project_id}},
        }
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.keystone_url}/auth/tokens", json={"auth": auth}) as answer,
        ):
            assert answer.status == 201, await answer.text()
            return answer.headers["X-Subject-Token"]
