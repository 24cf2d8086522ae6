"""Live calls: what must reach a backend before it can be answered, and what is written down of it afterwards.

Called by the handlers of server and volume actions. Without an answer the caller gets 503 with the zone's name and
nothing has happened here. After an answer below 400 the resource is observed at once, so that the next show tells what
the call did; should that fail, the loop looks again soon anyway.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call
from vregion.drivers.contract import Answer, DriverError, Gone, Observed, Transient
from vregion.drivers.contract import Unsupported as NotHere
from vregion.model.refusals import Conflict, Unavailable, Unsupported
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region import backups, realizations, resources, server_moves, volume_moves
from vregion.region.regions import Transaction

_SETTLED: Mapping[Kind, Callable[[Transaction, Resource, Observed], Awaitable[None]]] = {
    Kind.SERVER: server_moves.settled,
    Kind.VOLUME: volume_moves.settled,
    Kind.BACKUP: backups.settled,
}
FIRST_LOOK = 0.02  # seconds; how often a thing that a live call needs is looked for, growing


async def live(call: Call, kind: Kind, resource: Resource, method: str, path: str, body: Any = None) -> Answer:
    """The backend's answer to `method path` below the resource, its words with our id for the resource.

    A 4xx is an answer. Raises as `asked` does.
    """
    answer, realization = await asked(call, kind, resource, method, path, body)
    if method != "GET" and answer.status < 400:
        await observe(call, resource, realization)
    return Answer(answer.status, translated(answer.body, {str(realization.external_id): resource.id}))


async def asked(
    call: Call, kind: Kind, resource: Resource, method: str, path: str, body: Any = None
) -> tuple[Answer, Realization]:
    """The answer in the backend's own words and ids, nothing observed yet.

    Raises Conflict while the backend has not got the resource, Unavailable (503), and Unsupported.
    """
    realization = await _there(call, kind, resource)
    backend_id, external_id = realization.backend_id, str(realization.external_id)
    try:
        opened = await call.use.backends.open(call.region.id, backend_id)
        async with call.use.backends.call(backend_id):
            return await opened.driver.call(kind, external_id, method, path, body), realization
    except (Transient, LookupError) as silent:
        zone = resource.availability_zone
        raise Unavailable(f"Availability zone {zone} does not answer at the moment. Try again later.") from silent
    except NotHere as lacking:
        raise Unsupported(f"Availability zone {resource.availability_zone}: {lacking.message}") from lacking
    except Gone as gone:
        async with call.region.write() as tx:
            await realizations.look_again(tx, realization, datetime.now(UTC))
        raise Conflict(f"{kind.capitalize()} {resource.id} is gone from its availability zone.") from gone


async def observe(call: Call, resource: Resource, realization: Realization) -> None:
    """Look at it now, and let the loop look again: what the call began may not have ended yet."""
    seen: Observed | None = None
    try:
        opened = await call.use.backends.open(call.region.id, realization.backend_id)
        async with call.use.backends.call(realization.backend_id):
            seen = await opened.driver.collections[resource.kind].get(str(realization.external_id))
    except (DriverError, LookupError):
        seen = None
    async with call.region.write() as tx:
        current = await resources.find(tx, resource.kind, resource.id)
        if current is not None and seen is not None:
            await _SETTLED[resource.kind](tx, current, seen)
        await realizations.look_again(tx, realization, datetime.now(UTC))


async def realized(call: Call, resource: Resource) -> str:
    """Wait until the resource's backend has got it; its id there. Raises Unavailable when that takes too long."""
    until, pause = time.monotonic() + call.use.settings.backend_timeout, FIRST_LOOK
    while time.monotonic() < until:
        async with call.region.read() as tx:
            found = await realizations.on_backend(tx, resource.kind, resource.id, str(resource.backend_id))
        if found is not None and found.state is State.READY and found.external_id is not None:
            return found.external_id
        if found is None or found.state in (State.ERROR, State.LOST):
            reason = found.reason if found else "gone"
            raise Conflict(f"{resource.kind.capitalize()} {resource.id} could not be made: {reason}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    raise Unavailable(f"Availability zone {resource.availability_zone} does not answer at the moment.")


def in_doubt(failed: BaseException) -> bool:
    """Whether a call that failed like this may have been carried out all the same."""
    silent = failed.__cause__
    return isinstance(failed, asyncio.CancelledError) or (isinstance(silent, Transient) and silent.in_doubt)


def translated(body: Any, ids: Mapping[str, str]) -> Any:
    """A JSON value in which every text has our ids in place of the backend's."""
    if isinstance(body, str):
        for external, ours in ids.items():
            body = body.replace(external, ours)
        return body
    if isinstance(body, dict):
        return {key: translated(value, ids) for key, value in body.items()}
    return [translated(item, ids) for item in body] if isinstance(body, list) else body


async def _there(call: Call, kind: Kind, resource: Resource) -> Realization:
    async with call.region.read() as tx:
        found = await realizations.on_backend(tx, kind, resource.id, str(resource.backend_id))
    if found is None or found.external_id is None:
        raise Conflict(f"{kind.capitalize()} {resource.id} is not ready: its availability zone has not got it yet.")
    if found.state is State.LOST:
        raise Conflict(f"{kind.capitalize()} {resource.id} is gone from its availability zone.")
    return found
