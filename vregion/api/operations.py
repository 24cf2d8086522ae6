"""Every operation that the real service has, and how this one answers it: the census as data.

Each service's folder has an `operations.csv`, one operation a line. What has no `answer` works: a handler is routed for
it. Anything else is refused with that status and those words, and the routes for it are made here, so that a refusal is
written once: in the table. docs/reference/operations.md is made from it; tests/stories/test_operations.py asks it all.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

from vregion.api.http import Call, Handler, Reply, Route
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound, Refusal

_REFUSED = "operations:refused"
_POLICY = re.compile(
    r"^(?:Policy doesn't allow|You are not authorized to complete|rule:) ?(\S+) "
    r"(?:to be performed\.|action\.|is disallowed by policy)$"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One line. `action` is the one member of the body where a path has many operations; `persona` is the least that
    the real service's default policy lets through; `answer` is the status of the refusal, or None when it works.
    """

    method: str
    path: str
    action: str
    since: str
    until: str
    persona: str
    answer: int | None
    words: str

    @property
    def shape(self) -> tuple[str, str]:
        """What routes are compared by."""
        return shape(self.method, self.path)

    @property
    def rule(self) -> str:
        """The policy rule of a refusal: the real service's where its words name one."""
        found = _POLICY.match(self.words)
        return found[1] if found else _REFUSED


def shape(method: str, path: str) -> tuple[str, str]:
    """Method and path without the names of what stands in it."""
    return method, re.sub(r"\{[^}]*\}", "{}", path)


@cache
def table(folder: str) -> tuple[Operation, ...]:
    """The operations of the service in that folder of vregion/api."""
    with (Path(__file__).parent / folder / "operations.csv").open(newline="") as lines:
        return tuple(_operation(row) for row in csv.DictReader(lines))


def rules(operations: Iterable[Operation]) -> dict[str, str]:
    """The policy of the refusals: a rule of the real service is nobody's."""
    return {o.rule: "nobody" for o in operations if o.answer} | {_REFUSED: "any"}


def refusals(operations: Sequence[Operation], routed: Iterable[Route]) -> list[Route]:
    """A route for each refused operation whose path has no handler of its own."""
    there = {shape(route.method, route.path) for route in routed}
    made: dict[tuple[str, str], Route] = {}
    for operation in operations:
        if operation.answer and operation.shape not in there:
            made.setdefault(operation.shape, _route(operation, operations))
    return list(made.values())


def refuse(operations: Iterable[Operation], path: str, action: str) -> NoReturn:
    """For a handler of many actions: raises what the table says of this one, or Cinder's and Nova's for an unknown."""
    for operation in operations:
        if operation.path == path and operation.action == action and operation.answer:
            raise Refusal(operation.words, status=operation.answer)
    words = f"There is no such action: {action}."
    raise Invalid(f"{words} Verify the request body and Content-Type header and try again.")


def chosen(operations: Iterable[Operation], path: str, call: Call) -> str:
    """The action that a body asks for, which works. Raises what Cinder says of the others (cinder 29.0.0 api/openstack/
    wsgi.py): one that is not there at this microversion is told from one that never is.
    """
    name = action_of(call) if call.body_bytes else "None"
    known = next((o for o in operations if (o.path, o.action) == (path, name)), None)
    if known is not None and not _within(known, call.microversion):
        raise NotFound("The resource could not be found.")
    if known is None or known.answer:
        refuse(operations, path, name)
    return name


def action_of(call: Call) -> str:
    """The name of the action in a body. Raises Invalid when there is none, or another beside it.

    Also NotFound: nova 34.0.0 and cinder 29.0.0 `api/openstack/wsgi.py` action_peek count before they ask for names.
    """
    body = call.json()
    if not isinstance(body, dict) and (not isinstance(body, list | str) or len(body) == 1):
        raise NotFound("The resource could not be found.")
    if len(body) != 1:
        raise Invalid("Malformed request body")
    return str(next(iter(body)))


def _route(operation: Operation, operations: Sequence[Operation]) -> Route:
    window = (Microversion.parse(operation.since), Microversion.parse(operation.until))
    if operation.action:
        return Route(operation.method, operation.path, _REFUSED, _of_actions(operation.path, operations))
    return Route(operation.method, operation.path, operation.rule, _refused(operation), False, *window)


def _within(operation: Operation, version: Microversion) -> bool:
    since, until = Microversion.parse(operation.since), Microversion.parse(operation.until)
    return (since is None or since <= version) and (until is None or version <= until)


def _refused(operation: Operation) -> Handler:
    async def refused(call: Call) -> Reply:
        raise Refusal(operation.words, status=operation.answer)

    return refused


def _of_actions(path: str, operations: Sequence[Operation]) -> Handler:
    async def refused(call: Call) -> Reply:
        refuse(operations, path, chosen(operations, path, call))

    return refused


def _operation(row: dict[str, str]) -> Operation:
    return Operation(
        method=row["method"],
        path=row["path"],
        action=row["action"],
        since=row["since"],
        until=row["until"],
        persona=row["persona"],
        answer=int(row["answer"]) if row["answer"] else None,
        words=row["words"],
    )
