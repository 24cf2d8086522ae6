"""What a memory cloud can be told to do wrong. Every call of every driver of the cloud passes through `around`.

Tests set these knobs; the demo leaves them alone. Never decides anything by chance.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from vregion.drivers.contract import DriverError, Transient
from vregion.model.resource import Kind

T = TypeVar("T")
Moment = Literal["before", "after"]
Sleep = Callable[[float], Awaitable[None]]
Crash = Callable[[Moment, str, Kind | None], Awaitable[None]]


@dataclass(slots=True)
class Faults:
    """`calls` lists every (operation, kind) that the cloud understood, in order: 'create', 'get', ..., 'call'.

    `crash` is awaited before and after each call's effect; raising there is the caller dying at that point.
    `builds` holds, per kind, the words with which the next builds of servers or volumes go to ERROR.
    """

    sleep: Sleep
    down: bool = False
    latency: float = 0.0
    timeout: float = 60.0
    crash: Crash | None = None
    calls: list[tuple[str, Kind | None]] = field(default_factory=list)
    builds: dict[Kind, list[str]] = field(default_factory=dict)
    _planned: list[tuple[Kind | None, str, Moment, DriverError]] = field(default_factory=list)

    def fail_next(
        self, kind: Kind | None, operation: str, error: DriverError | None = None, when: Moment = "before"
    ) -> None:
        """The next such call raises; with `when='after'` the cloud has done it by then: how an orphan is made."""
        self._planned.append((kind, operation, when, error or Transient("the connection was lost")))

    def count(self, operation: str, kind: Kind | None) -> int:
        """How often the cloud was asked for it."""
        return self.calls.count((operation, kind))

    async def around(self, operation: str, kind: Kind | None, effect: Callable[[], T]) -> T:
        """One call: whatever was planned for it, and between it the effect, which cannot be torn."""
        if self.crash:
            await self.crash("before", operation, kind)
        if self.latency:
            await self.sleep(min(self.latency, self.timeout))
        if self.latency > self.timeout:
            raise Transient("no answer in time", reachable=False)
        if self.down:
            raise Transient("connection refused", reachable=False)
        self._strike(kind, operation, "before")
        self.calls.append((operation, kind))
        answer = effect()
        self._strike(kind, operation, "after")
        if self.crash:
            await self.crash("after", operation, kind)
        return answer

    def _strike(self, kind: Kind | None, operation: str, moment: Moment) -> None:
        for planned in self._planned:
            if planned[:3] == (kind, operation, moment):
                self._planned.remove(planned)
                raise planned[3]

    def next_build_error(self, kind: Kind) -> str | None:
        """The words with which this build fails; None: it succeeds."""
        return self.builds[kind].pop(0) if self.builds.get(kind) else None
