"""The composition root: settings -> databases -> Keystone -> backends -> API and loop; nothing else makes these.

`Application.open` builds everything and starts nothing; `start` begins to reconcile; `asgi` serves. `vregion.cli` runs
it behind uvicorn, the tests in their own process.
"""

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, Self

import prometheus_client
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from vregion.api import block_storage, compute, image, network
from vregion.api.caller import Authenticator
from vregion.api.http import Resources
from vregion.api.policy import FORBIDDEN, Policy
from vregion.api.service import Service
from vregion.backends import Backends, OpenDriver
from vregion.directory.directory import Directory
from vregion.directory.tenants import page
from vregion.drivers.contract import Driver
from vregion.drivers.openstack.driver import OpenStackDriver
from vregion.drivers.web import Web
from vregion.identity.catalog import ensure_catalog
from vregion.identity.client import Identity, PasswordCredential
from vregion.model.backend import Backend, Credential
from vregion.model.resource import Kind
from vregion.provider import api as provider_api
from vregion.provider.access import provider_only
from vregion.provider.provider import Provider
from vregion.reconcile.feed import Feeds
from vregion.reconcile.loop import Loop
from vregion.reconcile.recipes import RECIPES
from vregion.reconcile.room import Rooms
from vregion.region import census, external_networks, image_limits, realizations, room, server_account, topology
from vregion.region.regions import Regions
from vregion.settings import Settings

_YOUNG = 10_000  # objects

# Where each service is mounted, as the catalog says it, and what comes before its routes.
SERVICES: Mapping[str, tuple[ModuleType, str]] = {
    "compute": (compute, "/v2.1"),
    "network": (network, "/v2.0"),
    "block-storage": (block_storage, "/v3"),
    "image": (image, "/v2"),
}
LEGACY = {"compute": "/v2"}


class Application:
    """One vregion process."""

    def __init__(self, settings: Settings, directory: Directory, identity: Identity) -> None:
        self.settings, self.directory, self.identity = settings, directory, identity
        self.regions = Regions(settings.database_url, settings.state_dir)
        drivers: dict[str, OpenDriver] = {
            "openstack": lambda backend, credential: OpenStackDriver(
                backend, credential, timeout=settings.backend_timeout
            ),
            "memory": _memory,
        }
        self.backends = Backends(directory.reach, drivers, 2 * settings.backend_budget)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self.loop = Loop(self.regions, self.backends, RECIPES, self._flavors, owner, settings.backend_budget)
        self.loop.doubt = timedelta(seconds=1.5 * settings.backend_timeout)
        self.loop.joins, self.backends.own = directory, directory.own
        self.loop.web, self.loop.copies_gib = Web.of(settings), settings.image_copies_gib
        self.feeds = Feeds(self.loop, self.backends)
        self.rooms = Rooms(self.loop, self.regions, self.backends, directory.bindings)
        self.regions.bell = self.loop.ring
        self.provider = Provider(directory, identity, drivers, *self._told())
        self._running: asyncio.Task[None] | None = None
        self.asgi = Starlette(routes=self._routes())

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Open the databases, and bring their schemas up to date."""
        directory = await Directory.open(settings)
        credential = PasswordCredential(
            settings.keystone_username, settings.keystone_password, settings.keystone_project
        )
        identity = Identity(settings.keystone_url, credential, token_ttl=settings.token_cache_seconds)
        application = cls(settings, directory, identity)
        await application.regions.prepare()
        return application

    async def start(self) -> None:
        """Begin to reconcile; what was due when the last process ended is due now."""
        after = ""
        while tenants := await page(self.directory, after, 1000):
            for tenant in tenants:
                self.loop.ring(tenant.region_id)
            after = tenants[-1].name
        self._running = asyncio.create_task(self.loop.run())

    async def close(self) -> None:
        """End everything; work in flight is left to be adopted."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self.feeds.close()
        await self.rooms.close()
        await self.backends.close()
        await self.identity.close()
        await self.regions.close()
        await self.directory.close()

    def _routes(self) -> list[BaseRoute]:
        use = Resources(self.settings, self.directory, self.regions, self.backends, self.identity)
        authenticate = Authenticator(self.identity, self.directory)
        routes: list[BaseRoute] = [Route("/metrics", metrics), Route("/healthz", healthy)]
        for name, (module, prefix) in SERVICES.items():
            policy = Policy(module.RULES, forbidden=getattr(module, "FORBIDDEN", FORBIDDEN))
            service = Service(
                name, prefix, module.ROUTES, module.VERSIONS, module.FAULT, use, policy, authenticate, module.documents,
                LEGACY.get(name, ""),
            )  # fmt: skip
            routes.append(Mount(f"/{name}", service))
        authorize = provider_only(self.identity, self.settings.keystone_project)
        return [*routes, *provider_api.routes(self.provider, authorize, self.settings.max_body_bytes)]

    def _told(self) -> tuple[Any, ...]:
        """What the provider's operations are told of virtual regions."""
        held = (self._resources_on, self._clear, self._forget, self._outside, self._joined)
        return *held, self._topology, self._server, self._image_limits, self.backends.open_provider

    async def _topology(self, region_id: str) -> dict[str, Any]:
        return await topology.topology(await self.regions.open(region_id))

    async def _server(self, region_id: str, server_id: str) -> dict[str, Any]:
        return await server_account.account(await self.regions.open(region_id), server_id)

    async def _image_limits(self, region_id: str, project_id: str, wanted: Mapping[str, int]) -> dict[str, int]:
        region = await self.regions.open(region_id)
        async with region.write() as tx:
            return await image_limits.set_limits(tx, project_id, wanted)

    async def _resources_on(self, region_id: str, backend_id: str | None) -> list[str]:
        region = await self.regions.open(region_id)
        return await (census.on_backend(region, backend_id) if backend_id else census.in_region(region))

    async def _clear(self, region_id: str, backend_id: str) -> list[str]:
        return await census.clear(await self.regions.open(region_id), backend_id, datetime.now(UTC))

    async def _forget(self, region_id: str) -> None:
        await census.forget(await self.regions.open(region_id))

    async def _outside(
        self, region_id: str, backend_id: str, zone: str, found: Sequence[Mapping[str, Any]], wanted: str | None
    ) -> None:
        region = await self.regions.open(region_id)
        async with region.write() as tx:
            chosen = external_networks.chosen(found, wanted)
            await external_networks.join(tx, backend_id, zone, chosen, datetime.now(UTC))
            await room.forget(tx, backend_id)
        self.rooms.watch(region_id)

    async def _joined(self, region_id: str) -> None:
        region = await self.regions.open(region_id)
        noticed = self.provider.notice_seconds if self.regions.shared else 0.0
        async with region.write() as tx:
            await realizations.look_at_all(tx, Kind.ROUTER, datetime.now(UTC) + timedelta(seconds=noticed))

    async def _flavors(self, backend_id: str) -> dict[str, str]:
        return dict(await self.directory.backend_flavors(backend_id))


def _memory(backend: Backend, credential: Credential) -> Driver:
    """The clouds in memory are for tests and demonstrations: a provider's process need not load them."""
    from vregion.drivers.memory.driver import MemoryDriver

    return MemoryDriver.open(backend, credential)


async def metrics(request: Request) -> Response:
    """Prometheus."""
    return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


async def healthy(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Application, asyncio.Task[None]]]:
    """The application behind uvicorn on settings.host and port, reconciling, until the block ends."""
    application = await Application.open(settings)
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "ws": "none", "lifespan": "off"}
    config = uvicorn.Config(application.asgi, settings.host, settings.port, **quiet)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        await application.start()
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        yield application, serving
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await application.close()


async def serve(settings: Settings) -> None:
    """Serve until a signal; the catalog says where."""
    async with serving(settings) as (application, running):
        await ensure_catalog(application.identity, settings.public_url, settings.keystone_url, settings.region_name)
        loaded()
        await running


def loaded() -> None:
    """What there is by now stays: each full collection would walk it, for a tenth of a second. And what a request has
    for a moment is walked less often: a page of 1000 rows is more than the 700 objects that Python waits for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
