"""Opens the driver of a binding, and keeps each backend's troubles its own.

One driver per binding lives as long as it is used. Every backend has a budget of calls in flight and a circuit
breaker: once nothing answers, work for it is not even claimed until a probe is due. Used by the reconcilers and by the
live routes; knows nothing of resources.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from vregion.drivers.contract import Driver, DriverError, Transient
from vregion.model.backend import Backend, Binding, Credential

OpenDriver = Callable[[Backend, Credential], Driver]
Clock = Callable[[], float]

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


@dataclass(slots=True)
class Breaker:
    """Open while `until` lies ahead. Each failed probe doubles the pause."""

    until: float = 0.0
    pause: float = 0.0
    reason: str = ""
    back_at: float = -math.inf  # when it answered again after a silence

    def admit(self, now: float) -> None:
        """Raises Transient while open. After a pause one call is let in as the probe, and the others wait for it."""
        if self.until > now:
            raise Transient(self.reason, self.until - now, reachable=False)
        if self.pause:
            self.until = now + self.pause

    def failed(self, now: float, reason: str) -> None:
        """Nothing answered."""
        self.pause = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self.until = now + self.pause
        self.reason = reason

    def answered(self, now: float) -> None:
        """Something answered, be it an error."""
        if self.pause:
            self.back_at = now
        self.pause = self.until = 0.0


@dataclass(slots=True)
class Gate:
    """What one backend may take, and whether it is there."""

    budget: asyncio.Semaphore
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(frozen=True, slots=True)
class Opened:
    """A driver ready for use, with the names that messages need and what the backend can do (empty: nobody knows)."""

    driver: Driver
    backend: Backend
    availability_zone: str
    capabilities: frozenset[str] = frozenset()


Lookup = Callable[[str, str], Awaitable[tuple[Binding, Backend, Credential]]]
OwnLookup = Callable[[str], Awaitable[tuple[Backend, Credential]]]


async def _nobodys(backend_id: str) -> tuple[Backend, Credential]:
    raise LookupError(f"the provider has no credential in backend {backend_id}")


class Backends:
    """`lookup(region_id, backend_id)` gives binding, backend and credential; `drivers` opens by driver name."""

    def __init__(self, lookup: Lookup, drivers: dict[str, OpenDriver], budget: int, clock: Clock = time.monotonic):
        self._lookup = lookup
        self._drivers = drivers
        self._budget = budget
        self._clock = clock
        self.own: OwnLookup = _nobodys  # the provider's own credential in a backend
        self._opened: dict[tuple[str, str], tuple[Credential, Opened]] = {}
        self._providers: dict[str, tuple[Credential, Opened]] = {}
        self._retired: list[Opened] = []  # with a credential of yesterday; a call may still be under way
        self._gates: dict[str, Gate] = {}

    async def open(self, region_id: str, backend_id: str) -> Opened:
        """The driver of that region's binding to the backend. Raises LookupError when there is no binding."""
        binding, backend, credential = await self._lookup(region_id, backend_id)
        known = self._opened.get((region_id, backend_id))
        if known is not None and known[0] == credential:
            return replace(known[1], capabilities=binding.capabilities)
        if known is not None:
            self._retired.append(known[1])
        driver = self._drivers[backend.driver](backend, credential)
        opened = Opened(driver, backend, binding.availability_zone, binding.capabilities)
        self._opened[region_id, backend_id] = (credential, opened)
        return opened

    async def open_provider(self, backend_id: str) -> Driver:
        """The driver with the provider's own credential, for what a tenant's may not. Raises LookupError."""
        backend, credential = await self.own(backend_id)
        known = self._providers.get(backend_id)
        if known is not None and known[0] == credential:
            return known[1].driver
        if known is not None:
            self._retired.append(known[1])
        opened = Opened(self._drivers[backend.driver](backend, credential), backend, "")
        self._providers[backend_id] = (credential, opened)
        return opened.driver

    def unreachable(self) -> dict[str, float]:
        """Backends whose breaker is open, with the seconds until the next probe."""
        now = self._clock()
        return {i: gate.breaker.until - now for i, gate in self._gates.items() if gate.breaker.until > now}

    def silent(self, backend_id: str) -> bool:
        """Whether it did not answer when it was last asked: one call is enough to find out."""
        gate = self._gates.get(backend_id)
        return gate is not None and gate.breaker.pause > 0

    def back_for(self, backend_id: str) -> float:
        """Seconds since it answered again after a silence, 0 for the probe; infinite when it was never silent."""
        gate = self._gates.get(backend_id)
        if gate is None:
            return math.inf
        return 0.0 if gate.breaker.pause else self._clock() - gate.breaker.back_at

    @asynccontextmanager
    async def call(self, backend_id: str) -> AsyncIterator[None]:
        """One call's turn at a backend. Raises Transient at once while the breaker is open."""
        gate = self._gates.setdefault(backend_id, Gate(asyncio.Semaphore(self._budget)))
        gate.breaker.admit(self._clock())
        async with gate.budget:
            try:
                yield
            except Transient as trouble:
                if trouble.reachable:
                    gate.breaker.answered(self._clock())
                else:
                    gate.breaker.failed(self._clock(), trouble.message)
                raise
            except DriverError:
                gate.breaker.answered(self._clock())
                raise
            gate.breaker.answered(self._clock())

    async def close(self) -> None:
        """Close every driver."""
        known = (*self._opened.values(), *self._providers.values())
        for opened in (*self._retired, *(opened for _, opened in known)):
            await opened.driver.close()
        self._opened.clear()
        self._providers.clear()
        self._retired.clear()
