"""What every live handler of a server does: find it, ask its backend, record the action, relay a refusal."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute.servers import project
from vregion.api.http import Call
from vregion.api.live import live, translated
from vregion.drivers.contract import Answer
from vregion.model.refusals import Refusal
from vregion.model.resource import Kind, Resource, State
from vregion.region import actions, realizations, resources, servers


async def found(call: Call, name: str = "id") -> Resource:
    """The server that the path names. Raises NotFound."""
    async with call.region.read() as tx:
        return await servers.get(tx, call.path[name], project(call))


async def ask(
    call: Call, server: Resource, verb: str, request: tuple[str, str, Any], ids: Mapping[str, str] | None = None
) -> Answer:
    """The backend's answer to (method, path, body), below 400. `ids` are external ids in the body, with ours.

    Raises what it refused with, in its words, or Nova's 409 for a server that it has not got yet, or that is moving to
    another zone: meanwhile nothing may bring it up where it was.
    """
    async with call.region.read() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server.id, str(server.backend_id))
    elsewhere = server.deleting or server.spec.get("moving")
    if elsewhere or there is None or there.external_id is None or there.state is State.LOST:
        raise servers.cannot(server, verb)
    method, path, body = request
    answer = await live(call, Kind.SERVER, server, method, path, body)
    if answer.status >= 400:
        raise refusal(translated(answer.body, ids or {}), answer.status)
    return Answer(answer.status, translated(answer.body, ids or {}))


def refusal(body: Any, status: int) -> Refusal:
    """A backend's fault as ours, with its words."""
    faults = [value for value in (body or {}).values() if isinstance(value, dict) and "message" in value]
    words = str(faults[0]["message"]) if faults else "The zone refused the request."
    return Refusal(words, status=status)


async def record(call: Call, server: Resource, action: str) -> None:
    """An instance action, which ends when the server has come to rest."""
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        current = await resources.find(tx, Kind.SERVER, server.id)
        if current is None:
            return
        at_rest = current.spec["task_state"] is None
        event = actions.event(f"compute_{action}", now, done=at_rest)
        await actions.begin(tx, call.caller, [current], action, now, [event])
