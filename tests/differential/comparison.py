"""The same random requests to both sides; every kind of difference is kept once, with a request that shows it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.differential.mutations import Asked, furniture, requests
from tests.differential.sides import Side, differ
from tests.stories.lab import remove_leftovers

KNOWN = yaml.safe_load(Path(__file__).with_name("known.yaml").read_text())
DIGITS = re.compile(r"'[^']*'|\d+")


@dataclass
class Found:
    """A kind of difference."""

    asked: Asked
    what: str
    times: int = 1


@dataclass
class Comparison:
    """`real` is the oracle. `found`: operation and kind of difference -> its first request, and how often."""

    real: Side
    ours: Side
    sent: int = 0
    refused: int = 0
    known: int = 0
    seed: int = 0
    found: dict[tuple[str, str], Found] = field(default_factory=dict)

    def run(self, number: int, count: int, among: list[str]) -> None:
        """So many requests, the same ones for the same seed."""
        self.seed = number

        @seed(number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(requests(among))
        def ask(asked: Asked) -> None:
            self.ask(asked)

        ask()

    def ask(self, asked: Asked) -> None:
        """One request to both."""
        real, ours = self.real.send(asked), self.ours.send(asked)
        self.sent += 1
        self.refused += real.status >= 400
        for what in differ(asked, real, ours):
            if _known(asked, what):
                self.known += 1
                continue
            kind = (asked.operation, DIGITS.sub("*", what)[:120])
            if kind in self.found:
                self.found[kind].times += 1
            else:
                self.found[kind] = Found(asked, what)
        for side, answer in ((self.real, real), (self.ours, ours)):
            side.after(asked, answer)

    def report(self) -> str:
        """What was seen, for people."""
        counts = f"{self.sent} requests to both, {self.refused} refused by the real one, {self.known} known differences"
        lines = [f"seed {self.seed}: {counts}"]
        for (operation, _), one in sorted(self.found.items()):
            told = "; ".join(one.asked.changed) or "as it is"
            query = f" ?{dict(one.asked.query)}" if one.asked.query else ""
            lines.append(
                f"- {operation} ({one.asked.microversion}) [{told}]{query:.120} x{one.times}\n    {one.what:.900}"
            )
        return "\n".join([*lines, f"{len(self.found)} kinds of difference"])


def _known(asked: Asked, what: str) -> bool:
    return any(re.search(one["operation"], asked.operation) and re.search(one["what"], what) for one in KNOWN)


@contextmanager
def compared(real: dict[str, str], ours: dict[str, str], among: list[str]) -> Iterator[Comparison]:
    """Both sides with the furniture that these operations need; afterwards the lab holds nothing of it."""
    comparison = Comparison(Side(real), Side(ours))
    try:
        comparison.real.furnish(furniture(among))
        comparison.ours.furnish(furniture(among))
        yield comparison
    finally:
        if any(one.startswith("COMPUTE") for one in among):
            comparison.real.sweep()
        comparison.real.clear()
        remove_leftovers(real)
