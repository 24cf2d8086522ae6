"""The loop: finds due realizations, runs a pass over each, and turns outcomes into due times.

It alone knows the clock and the backoff. A region is looked at when its bell rings or its next due time comes; an idle
region costs nothing. Work on a backend whose breaker is open is not claimed, so a dead zone holds no worker.
"""

import asyncio
import contextlib
import logging
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from vregion.backends import Backends
from vregion.drivers.contract import Driver, Observed, Transient
from vregion.drivers.web import Web
from vregion.model.resource import Kind
from vregion.reconcile.outcome import Outcome, Retry, Stop, Wait
from vregion.reconcile.recipe import Recipe
from vregion.reconcile.work import NOTHING_JOINED, Joins, Work, let_go, reconcile, stop
from vregion.region import leases
from vregion.region.leases import Claim, LeaseLost
from vregion.region.realizations import NOWHERE
from vregion.region.regions import Region, Regions

LEASE = timedelta(seconds=150)
DOUBT = timedelta(seconds=90)
BACKSTOP = 60.0  # a waiting realization looks by itself after this, should a wake-up be missed
POLL = 0.25  # first look at something in progress; grows by half each time
POLL_LONGEST = 5.0
FED = 30.0  # a change feed watches it: look by itself only after this
FAILED_LONGEST = 60.0
TAKING_ROOM = frozenset({Kind.SERVER, Kind.VOLUME})
SHARED_LOOK = 1.0  # between looks for what other processes have written

log = logging.getLogger(__name__)
Flavors = Callable[[str], Awaitable[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Time:
    """The clock and the sleep of the loop; tests hand in virtual ones."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Loop:
    """One per process. `flavors(backend_id)` maps our flavor ids to that backend's; `budget`: passes at one backend."""

    def __init__(
        self,
        regions: Regions,
        backends: Backends,
        recipes: Mapping[Kind, Recipe],
        flavors: Flavors,
        owner: str,
        budget: int,
    ) -> None:
        self._regions, self._backends, self._recipes, self._flavors = regions, backends, recipes, flavors
        self._owner, self._budget = owner, budget
        self.time = Time()
        self.joins: Joins = NOTHING_JOINED
        self.doubt = DOUBT
        self.web = Web()
        self.copies_gib = -1
        self._inherited: set[str] = set()
        self._ringing: set[str] = set()
        self._timers: dict[str, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: Counter[str] = Counter()
        self._held: set[str] = set()
        self._polls: dict[tuple[str, str, str], int] = {}
        self._hints: dict[tuple[str, str, str], tuple[Observed, datetime]] = {}
        self._woken = asyncio.Event()
        self.on_progress: Callable[[Region, str, Kind], bool] = lambda region, backend_id, kind: False
        self.on_work: Callable[[str], None] = lambda region_id: None

    def ring(self, region_id: str) -> None:
        """Something is due in that region."""
        self._ringing.add(region_id)
        self._woken.set()

    def hint(self, region_id: str, claim_key: tuple[str, str], observed: Observed, seen_at: datetime) -> None:
        """What a change feed saw of (resource id, backend id): a pass for nothing newer need not ask again."""
        self._hints[region_id, *claim_key] = observed, seen_at

    def _hint(self, key: tuple[str, str, str], claim: Claim) -> Observed | None:
        """A look that somebody asked for after the feed had seen it (a live call's) is a look of its own."""
        observed, seen_at = self._hints.pop(key, (None, claim.due_at))
        return observed if claim.due_at <= seen_at else None

    async def run(self) -> None:
        """Until cancelled; then the passes in flight are cancelled too, and others adopt what they left."""
        try:
            while True:
                try:
                    if self._regions.shared:
                        self._ringing.update(await self._regions.ripe(self.time.now()))
                    await self._turn()
                except Exception:
                    log.exception("claiming work")
                    await self.time.sleep(SHARED_LOOK)
                await self._idle()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Run until nothing is due now (tests, `--once`)."""
        while True:
            await self._turn()
            if not self._tasks:
                return
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _turn(self) -> None:
        """Claim and start what is due, as far as each backend's budget goes."""
        self._woken.clear()
        now = self.time.now()
        due = self._ringing | {region_id for region_id, at in self._timers.items() if at <= now}
        self._ringing = set()
        for region_id in due:
            self._timers.pop(region_id, None)
            try:
                await self._start(await self._regions.open(region_id), now)
            except BaseException:
                self._ringing |= due
                raise

    async def _start(self, region: Region, now: datetime) -> None:
        unreachable = self._backends.unreachable()
        full = {backend_id for backend_id, count in self._in_flight.items() if count >= self._budget}
        async with region.write() as tx:
            if not self._regions.shared and region.id not in self._inherited:
                await leases.inherit(tx, now)
                self._inherited.add(region.id)
            claims: list[Claim] = []
            for backend_id in await leases.due_backends(tx, now, {*unreachable, *full}):
                room = 1 if self._backends.silent(backend_id) else self._budget - self._in_flight[backend_id]
                claims += await leases.claim(tx, self._owner, backend_id, now, LEASE, room)
            next_due = await leases.next_due(tx, {*unreachable, *full})
        if any(claim.realization.kind in TAKING_ROOM for claim in claims):
            self.on_work(region.id)
        for claim in claims:
            self._in_flight[claim.realization.backend_id] += 1
            task = asyncio.create_task(self._work(region, claim))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, region.id, claim.realization.backend_id))
        if unreachable:
            probe = now + timedelta(seconds=max(min(unreachable.values()), 0.05))
            next_due = min(next_due or probe, probe)
        if full:
            self._held.add(region.id)
        if next_due is not None:
            self._timers[region.id] = next_due

    def _ended(self, region_id: str, backend_id: str, task: "asyncio.Task[None]") -> None:
        """A place at the backend is free: for the same region, and for those that found it full."""
        self._tasks.discard(task)
        self._in_flight[backend_id] -= 1
        self._ringing |= {region_id, *self._held}
        self._held.clear()
        self._woken.set()

    async def _idle(self) -> None:
        """Until somebody rings or the nearest timer runs out."""
        wait = None
        if self._timers:
            wait = max((min(self._timers.values()) - self.time.now()).total_seconds(), 0.0)
        if self._regions.shared:
            wait = min(SHARED_LOOK, wait if wait is not None else SHARED_LOOK)
        try:
            await asyncio.wait_for(self._woken.wait(), wait)
        except TimeoutError:
            return

    async def _work(self, region: Region, claim: Claim) -> None:
        """One claim from the driver's opening to its next due time."""
        realization = claim.realization
        key = (region.id, realization.resource_id, realization.backend_id)
        recipe = self._recipes[realization.kind]
        outcome: Outcome
        try:
            if realization.backend_id == NOWHERE:
                await let_go(region, recipe, realization, self.joins, self.time.now())
                return
            async with self._backends.call(realization.backend_id):
                opened = await self._backends.open(region.id, realization.backend_id)
                flavors = await self._flavors(realization.backend_id) if realization.kind is Kind.SERVER else {}
                work = Work(
                    region=region,
                    driver=opened.driver,
                    recipe=recipe,
                    resource=claim.resource,
                    realization=realization,
                    now=self.time.now,
                    open_source=lambda backend_id: self._driver(region.id, backend_id),
                    open_provider=lambda: self._backends.open_provider(realization.backend_id),
                    joins=self.joins,
                    capabilities=opened.capabilities,
                    flavors=flavors,
                    hint=self._hint(key, claim),
                    doubt=self.doubt,
                    back_at=self._back_at(realization.backend_id),
                    web=self.web,
                    copies_ceiling=_ceiling(opened.backend.options.get("image_copies_gib", self.copies_gib)),
                )
                outcome = await reconcile(work)
        except Transient as trouble:
            after = trouble.after if trouble.reachable else self._backends.unreachable().get(realization.backend_id, 0)
            outcome = Retry(after, trouble.message, failed=trouble.reachable)
        except LeaseLost:
            return
        except LookupError as unbound:
            outcome = Retry(None, f"not bound: {unbound}", failed=True)
        except Exception:
            log.exception("reconciling %s %s", realization.kind, realization.resource_id)
            outcome = Retry(None, "internal error", failed=True)
        with contextlib.suppress(LeaseLost):
            await self._finish(region, claim, outcome)

    async def _driver(self, region_id: str, backend_id: str) -> Driver:
        return (await self._backends.open(region_id, backend_id)).driver

    def _back_at(self, backend_id: str) -> datetime | None:
        seconds = self._backends.back_for(backend_id)
        return self.time.now() - timedelta(seconds=seconds) if math.isfinite(seconds) else None

    async def _finish(self, region: Region, claim: Claim, outcome: Outcome) -> None:
        """Write down when to look again."""
        realization, now = claim.realization, self.time.now()
        key = (region.id, realization.resource_id, realization.backend_id)
        if not isinstance(outcome, Retry) or outcome.failed:
            self._polls.pop(key, None)
        match outcome:
            case Stop(reason):
                await stop(region, self._recipes[realization.kind], realization, reason, now)
            case Wait(kind, on):
                async with region.write() as tx:
                    await leases.park(tx, realization, (kind, on), now, timedelta(seconds=BACKSTOP))
            case Retry(after, reason, failed):
                attempts = realization.attempts + 1 if failed else realization.attempts
                delay = after if after is not None else self._delay(region, claim, attempts, failed)
                async with region.write() as tx:
                    due = now + timedelta(seconds=delay)
                    await leases.finish(tx, realization, due, reason=reason, attempts=attempts)
                self._timers[region.id] = min(self._timers.get(region.id, due), due)

    def _delay(self, region: Region, claim: Claim, attempts: int, failed: bool) -> float:
        """Seconds until the next look: jittered backoff for failures, a growing poll for progress."""
        realization = claim.realization
        if failed:
            return float(min(2.0 ** min(attempts, 10) * 0.25, FAILED_LONGEST) * random.uniform(0.8, 1.2))
        if self.on_progress(region, realization.backend_id, realization.kind):
            return FED
        key = (region.id, realization.resource_id, realization.backend_id)
        looks = self._polls[key] = self._polls.get(key, -1) + 1
        return float(min(POLL * 1.5 ** min(looks, 12), POLL_LONGEST))


def _ceiling(gib: int) -> int | None:
    """In bytes; None where there is none."""
    return None if gib < 0 else gib << 30
