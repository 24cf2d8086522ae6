"""One pass over one realization: observe or adopt, create, update or delete, and write down what was seen.

Called by the loop with a claim under a lease. It has no sleep, no retry and no clock of its own, and no SQL. The order
of its writes is the crash safety: the intent before the call, the external id right after it, the rest later.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from vregion.drivers.contract import Collection, Driver, DriverError, Exhausted, Gone, Observed, Permanent, Transient
from vregion.drivers.web import Web
from vregion.model.interconnect import Interconnect
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.reconcile.outcome import Done, Outcome, Retry, Stop, Wait
from vregion.reconcile.recipe import Recipe, References
from vregion.region import leases, realizations, resources
from vregion.region.realizations import Key
from vregion.region.regions import Region, Transaction

LOOK_FOR_IT = 1.0  # seconds between looks for what a create may have made
COMING_BACK = timedelta(seconds=60)  # so long after its first answer a cloud may still lack some of its services
COMING_BACK_LOOK = 5.0
IN_DOUBT = "it may be there in a moment: a create was not answered"
FLAVOR_LACKING = "the zone has no flavor like this one"


class Joins(Protocol):
    """How backends are joined, and who has which segment: the part of `Directory` that passes use."""

    async def interconnects(self) -> Mapping[str, Interconnect]: ...
    async def segment(self, interconnect: str, region_id: str, owner: str) -> int | None: ...
    async def free_segments(self, region_id: str, owner: str) -> None: ...


class _NothingJoined:
    """No directory was handed in: there are no interconnects."""

    async def interconnects(self) -> Mapping[str, Interconnect]:
        return {}

    async def segment(self, interconnect: str, region_id: str, owner: str) -> int | None:
        raise LookupError(f"there is no interconnect {interconnect}")

    async def free_segments(self, region_id: str, owner: str) -> None:
        return


NOTHING_JOINED = _NothingJoined()


@dataclass(slots=True)
class Work:
    """A claim, the driver of its backend and the recipe of its kind.

    `open_source(backend_id)` gives another backend's driver, to copy from; `open_provider()` gives this backend's with
    the provider's own credential, and `joins` tells how backends are joined.
    `back_at` is when the cloud answered again after its last silence, if there was one.
    `doubt` is how long a backend that answers may still carry out a create that it has not answered.
    `flavors` maps our flavor ids to external ones; `hint` is what a change feed has just seen of it.
    `capabilities`: what the backend can do, as its last check found; empty: nobody knows.
    `web` reads what is to be imported from an URL; `copies_ceiling` is how many bytes of copies of images that another
    zone has too may lie here (None: any).
    """

    region: Region
    driver: Driver
    recipe: Recipe
    resource: Resource | None
    realization: Realization
    now: Callable[[], datetime]
    open_source: Callable[[str], Awaitable[Driver]]
    open_provider: Callable[[], Awaitable[Driver]]
    joins: Joins
    capabilities: frozenset[str] = frozenset()
    flavors: dict[str, str] = field(default_factory=dict)
    references: References = field(default_factory=dict)
    hint: Observed | None = None
    doubt: timedelta = timedelta(0)
    back_at: datetime | None = None
    web: Web = field(default_factory=Web)
    copies_ceiling: int | None = None

    @property
    def in_doubt(self) -> bool:
        """A create was sent, its answer is missing, and the backend may still be at work on it: not to be repeated.

        A service that hung reads what was sent to it meanwhile when it goes on, so the time counts from then.
        """
        asked = self.realization.asked_at
        if self.realization.state is not State.CREATING or asked is None:
            return False
        return self.now() < max(asked, self.back_at or asked) + self.doubt

    @property
    def returning(self) -> bool:
        """Whether the cloud has just come back, and may not have all its services yet."""
        return self.back_at is not None and self.now() < self.back_at + COMING_BACK

    @property
    def collection(self) -> Collection:
        """The backend's side of this kind."""
        if self.recipe.collection is not None:
            return self.recipe.collection(self)
        return self.driver.collections[self.realization.kind]

    async def save(self, **columns: object) -> None:
        """Write columns of the realization in a transaction of their own."""
        async with self.region.write() as tx:
            self.realization = await leases.save(tx, self.realization, **columns)


async def reconcile(work: Work) -> Outcome:
    """One pass. Raises LeaseLost when another worker took over, and Transient when the backend is ill."""
    try:
        if work.realization.wanted and work.resource is not None:
            return await _present(work, work.resource)
        return await _absent(work)
    except Permanent as refusal:
        if not work.realization.wanted or refusal.status == 409:
            return Retry(None, refusal.message, failed=True)
        words = work.recipe.full if isinstance(refusal, Exhausted) else ""
        return Stop(words + refusal.message)


async def _present(work: Work, resource: Resource) -> Outcome:
    missing = await _references(work, resource)
    later = work.recipe.wishes and isinstance(missing, Retry)
    if missing is not None and work.realization.external_id is None and not later:
        return missing
    if work.realization.external_id is None:
        found = await _adopt(work)
        if found is None and work.in_doubt:
            return Retry(LOOK_FOR_IT, IN_DOUBT)
        observed = found or await _create(work, resource)
        await work.save(
            external_id=observed.external_id,
            state=State.PROGRESSING,
            generation=0 if work.recipe.completes else resource.generation,
        )
    else:
        try:
            observed = work.hint or await work.collection.get(work.realization.external_id)
        except Gone:
            return await _missing(work)
    if observed.failed and work.returning and work.recipe.stillborn(resource, observed):
        return await _once_more(work, observed)
    if work.recipe.fill is not None and not observed.failed:
        observed = await work.recipe.fill(work, observed)
    if work.realization.generation < resource.generation and observed.settled:
        if missing is not None:
            return await _waiting(work, observed, missing)
        references = {**work.references, (resource.kind, resource.id): observed.external_id}
        body = work.recipe.update(await _here(work, resource), references)
        if body is not None:
            observed = await work.collection.update(observed.external_id, body)
        work.realization = replace(work.realization, generation=resource.generation)
    async with work.region.write() as tx:
        return await seen(tx, work.recipe, work.realization, observed, work.now())


async def _once_more(work: Work, observed: Observed) -> Outcome:
    """It failed because its cloud has only just come back: away with it, and try again."""
    await work.collection.delete(observed.external_id)
    await work.save(external_id=None, state=State.CREATING, generation=0, asked_at=None)
    return Retry(COMING_BACK_LOOK, f"the zone is coming back: {observed.failed}")


async def _waiting(work: Work, observed: Observed, missing: Outcome) -> Outcome:
    """What is there is shown; the change comes when what it needs is there."""
    async with work.region.write() as tx:
        resource = await resources.find(tx, work.realization.kind, work.realization.resource_id)
        if resource is not None:
            await work.recipe.settled(tx, resource, observed)
    return missing


async def _references(work: Work, resource: Resource) -> Outcome | None:
    """Collect the external ids of what it needs; an outcome when one of them is not there."""
    async with work.region.read() as tx:
        found = await realizations.needed(tx, resource, work.realization.backend_id)
    references: dict[Key, str] = {(Kind.FLAVOR, ours): external for ours, external in work.flavors.items()}
    missing: Outcome | None = None
    for (kind, needed_id), realization in found.items():
        if realization is None:
            return Stop(f"{kind.value.replace('_', ' ')} {needed_id} is gone")
        if realization.state in (State.ERROR, State.LOST):
            return Stop(f"{kind.value.replace('_', ' ')} {needed_id}: {realization.reason or realization.state}")
        if realization.external_id is not None and (work.recipe.wishes or realization.state is State.READY):
            references[kind, needed_id] = realization.external_id
        elif work.recipe.wishes:
            missing = Retry(None, f"{kind.value.replace('_', ' ')} {needed_id} is not there yet")
        else:
            return Wait(kind, needed_id)
    work.references = references
    return missing


async def _adopt(work: Work) -> Observed | None:
    """A create may have reached the backend before we could write its answer down."""
    if work.realization.state is State.PENDING:
        return None
    return await work.collection.find(work.realization.resource_id)


async def _here(work: Work, resource: Resource) -> Resource:
    """The resource as this backend shall have it."""
    resource = replace(resource, backend_id=work.realization.backend_id)
    return await work.recipe.here(work, resource) if work.recipe.here else resource


async def _create(work: Work, resource: Resource) -> Observed:
    resource = await _here(work, resource)
    try:
        body = work.recipe.body(resource, work.references)
    except KeyError as lacking:
        raise Permanent(f"{lacking.args[0]}: {FLAVOR_LACKING}", 400) from lacking
    await work.save(state=State.CREATING, attempts=work.realization.attempts + 1, asked_at=work.now())
    try:
        if work.recipe.make is not None:
            return await work.recipe.make(work, resource, body)
        return await work.collection.create(resource.id, body)
    except DriverError as failed:
        if not isinstance(failed, Transient) or not failed.in_doubt:
            await work.save(asked_at=None)
        raise


async def _missing(work: Work) -> Outcome:
    """404 for the id that we own, from a healthy backend. What was on its way out until it was wanted again is made."""
    if work.recipe.recreate or work.realization.state is State.DELETING:
        await work.save(external_id=None, state=State.CREATING, generation=0, asked_at=None)
        return Retry(0, "made again")
    async with work.region.write() as tx:
        await resources.lock(tx, work.realization.kind, work.realization.resource_id)
        work.realization = await leases.finish(
            tx, work.realization, None, state=State.LOST, reason="gone from its zone"
        )
        resource = await resources.find(tx, work.realization.kind, work.realization.resource_id)
        if resource is not None and not resource.deleting:
            await work.recipe.lost(tx, resource)
    return Done()


async def _absent(work: Work) -> Outcome:
    external_id = work.realization.external_id
    if external_id is None:
        found = await _adopt(work)
        if found is None:
            return Retry(LOOK_FOR_IT, IN_DOUBT) if work.in_doubt else await _let_go(work)
        external_id = found.external_id
        await work.save(external_id=external_id, state=State.DELETING)
    if work.recipe.loosen is not None:
        not_yet = await work.recipe.loosen(work, external_id)
        if not_yet is not None:
            return not_yet
    if work.recipe.outlasts:
        async with work.region.read() as tx:
            user = await realizations.leaving_user(tx, work.realization)
        if user is not None:
            return Wait(*user)
    await work.collection.delete(external_id)
    try:
        observed = await work.collection.get(external_id)
    except Gone:
        return await _let_go(work)
    if observed.absent:
        return await _let_go(work)
    if work.realization.state is not State.DELETING:
        await work.save(state=State.DELETING)
    return Retry(None, "being deleted")


async def _let_go(work: Work) -> Outcome:
    release = partial(work.recipe.release, work) if work.recipe.release else None
    await let_go(work.region, work.recipe, work.realization, work.joins, work.now(), release)
    return Done()


async def let_go(
    region: Region,
    recipe: Recipe,
    realization: Realization,
    joins: Joins,
    now: datetime,
    release: Callable[[Resource], Awaitable[None]] | None = None,
) -> None:
    """With the last backend what the resource holds elsewhere is free. It may have begun to end in this very pass."""
    key = (realization.kind, realization.resource_id)
    async with region.write() as tx:
        await resources.lock(tx, *key)
        resource = await resources.find(tx, *key)
        ends = resource is not None and resource.deleting and await leases.last_to_go(tx, realization)
        if not ends or resource is None or not (release or recipe.free):
            await gone(tx, recipe, realization, now)
            return
    if release is not None:
        await release(resource)
    if recipe.free is not None:
        await recipe.free(joins, region.id, resource)
    async with region.write() as tx:
        await gone(tx, recipe, realization, now)


async def seen(tx: Transaction, recipe: Recipe, realization: Realization, observed: Observed, now: datetime) -> Outcome:
    """Write down an observation: the realization's state, the tenant's document, and who may go on now."""
    await resources.lock(tx, realization.kind, realization.resource_id)
    state = State.ERROR if observed.failed else State.READY if observed.settled else State.PROGRESSING
    outcome: Outcome = Done() if observed.settled else Retry(None, "in progress")
    arrives = recipe.arrives if state is State.READY and realization.state is not State.READY else None
    columns = {"state": state, "generation": realization.generation, "reason": observed.failed}
    if isinstance(outcome, Done):
        realization = await leases.finish(tx, realization, None, attempts=0, **columns)
    else:
        realization = await leases.save(tx, realization, **columns)
    resource = await resources.find(tx, realization.kind, realization.resource_id)
    if resource is not None:
        await recipe.settled(tx, resource, observed)
        if arrives is not None:
            await arrives(tx, resource, realization, now)
        if observed.settled and resource.generation > realization.generation:
            await realizations.look_again(tx, realization, now)
    if observed.settled:
        await realizations.wake(tx, realization, now)
    return outcome


async def gone(tx: Transaction, recipe: Recipe, realization: Realization, now: datetime) -> None:
    """The backend has let go of an unwanted realization; with the last one, the resource ends."""
    key = (realization.kind, realization.resource_id)
    resource = await resources.find(tx, *key)
    if resource is not None and recipe.leaves is not None:
        await recipe.leaves(tx, resource, realization, now)
    await resources.lock(tx, *key)
    resource = await resources.find(tx, *key)
    if resource is not None and await leases.wanted_again(tx, realization):
        return
    last = await leases.drop(tx, realization)
    await realizations.wake(tx, realization, now)
    if resource is not None and last and resource.deleting:
        await recipe.vanished(tx, resource)
        await realizations.forget_needs(tx, *key)
        await resources.remove(tx, *key)


async def stop(region: Region, recipe: Recipe, realization: Realization, reason: str, now: datetime) -> None:
    """The backend refused for good: say so to the tenant and to those that wait for this one."""
    async with region.write() as tx:
        await resources.lock(tx, realization.kind, realization.resource_id)
        await leases.finish(tx, realization, None, state=State.ERROR, reason=reason[:1024])
        resource = await resources.find(tx, realization.kind, realization.resource_id)
        if resource is not None:
            await recipe.stopped(tx, resource, reason)
        await realizations.wake(tx, realization, now)
