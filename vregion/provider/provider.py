"""What the provider's operations work with, and how they reach a backend.

One `Provider` is made by `vregion.app` and handed to every operation, by the REST API and by the demo alike. Whatever
a backend or Keystone does to an operation leaves here as a `Refusal` with their own words.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from vregion.backends import OpenDriver
from vregion.directory import tenants
from vregion.directory.directory import Directory
from vregion.directory.store import CHECK_SECONDS
from vregion.directory.tenants import Tenant
from vregion.drivers.contract import Driver, DriverError, Transient
from vregion.identity.client import Identity
from vregion.model.backend import Backend, Credential
from vregion.model.refusals import Invalid, NotFound, Unavailable

SHOWN = 20  # so many things are named in a refusal


@dataclass(frozen=True, slots=True)
class Provider:
    """`resources_on(region_id, backend_id)` names what a virtual region has on a backend (None: at all), in words.

    `clear_backend(region_id, backend_id)` lets go of what is there for others' sake, such as copies of images, and
    names what is not gone yet. `forget_region(region_id)` drops a closed region's own rows. `outside(region_id,
    backend_id, zone, found, wanted)` says which external networks a zone's backend has, and which of them is named to
    be used. `joined(region_id)` makes its routers due, since its zones are joined anew. `topology_of(region_id)` is
    `vregion.region.topology`'s account of its networks, `server_of(region_id, server_id)` that of one of its servers
    (`vregion.region.server_account`). `image_limits(region_id, project_id, wanted)` sets limits of its images (of all
    projects where that is '') and answers what they are. `notice_seconds` is how long another node may not have noticed
    that a zone drains, a tenant closes, or what joins zones. `own_driver(backend_id)` is the driver with the provider's
    own credential, kept open by `vregion.backends` for everybody who needs it.
    """

    directory: Directory
    identity: Identity
    drivers: Mapping[str, OpenDriver]
    resources_on: Callable[[str, str | None], Awaitable[Sequence[str]]]
    clear_backend: Callable[[str, str], Awaitable[Sequence[str]]]
    forget_region: Callable[[str], Awaitable[None]]
    outside: Callable[[str, str, str, Sequence[Mapping[str, Any]], str | None], Awaitable[None]]
    joined: Callable[[str], Awaitable[None]]
    topology_of: Callable[[str], Awaitable[dict[str, Any]]]
    server_of: Callable[[str, str], Awaitable[dict[str, Any]]]
    image_limits: Callable[[str, str, Mapping[str, int]], Awaitable[dict[str, int]]]
    own_driver: Callable[[str], Awaitable[Driver]]
    notice_seconds: float = 1.5 * CHECK_SECONDS
    _turns: "WeakValueDictionary[str, asyncio.Lock]" = field(default_factory=WeakValueDictionary)

    def turn(self, tenant: str) -> asyncio.Lock:
        """Operations on one tenant happen one after another in this process."""
        return self._turns.setdefault(tenant, asyncio.Lock())

    async def tenant(self, name: str) -> Tenant:
        """The tenant of this name."""
        async with self.directory.read() as connection:
            found = await tenants.find_by_name(connection, name)
        if found is None:
            raise NotFound(f"There is no tenant {name}.")
        return found

    async def backend(self, name: str) -> Backend:
        """The backend of this name."""
        for backend in (await self.directory.backends()).values():
            if backend.name == name:
                return backend
        raise NotFound(f"There is no backend {name}.")

    @asynccontextmanager
    async def open(self, backend: Backend, credential: Credential) -> AsyncIterator[Driver]:
        """The driver of a backend for a while; what the backend does to it becomes a refusal."""
        make = self.drivers.get(backend.driver)
        if make is None:
            raise Invalid(f"There is no driver {backend.driver}; there are: {', '.join(sorted(self.drivers))}.")
        driver = make(backend, credential)
        try:
            with _refusals(backend):
                yield driver
        finally:
            await driver.close()

    @asynccontextmanager
    async def own(self, backend: Backend) -> AsyncIterator[Driver]:
        """The driver with the provider's own credential, whose token and versions are known from the last use."""
        with _refusals(backend):
            yield await self.own_driver(backend.id)


@contextmanager
def _refusals(backend: Backend) -> Iterator[None]:
    try:
        yield
    except Transient as trouble:
        raise Unavailable(f"Backend {backend.name} does not answer: {trouble.message}") from trouble
    except DriverError as refused:
        raise Invalid(f"Backend {backend.name} refuses: {refused.message}") from refused


def listed(words: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
