"""How one pass over a realization ends. The loop, and only the loop, turns an outcome into times and rows."""

from dataclasses import dataclass

from vregion.drivers.contract import Answer, Permanent, Transient
from vregion.model.resource import Kind


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing left to do until somebody changes something."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something it needs is not there yet, or what needs it not gone; its arrival, or end, wakes this one."""

    kind: Kind
    on: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Look again after `after` seconds (None: the loop's backoff). `reason` tells a reader of the row why."""

    after: float | None = None
    reason: str | None = None
    failed: bool = False  # counts as a failed attempt: the backoff grows


@dataclass(frozen=True, slots=True)
class Stop:
    """The backend refused for good; the tenant reads `reason` as a fault."""

    reason: str


Outcome = Done | Wait | Retry | Stop


def accept(answer: Answer) -> None:
    """Raises what a refused live call means here: something it names is not there (yet), or never will be."""
    if answer.status < 400:
        return
    told = (answer.body or {}).values()
    words = next((str(one.get("message", one)) for one in told if isinstance(one, dict)), f"refused: {answer.status}")
    if answer.status == 404:
        raise Transient(words)
    raise Permanent(words, answer.status)
