"""The same random requests to both sides; every kind of difference is kept once, with a request that shows it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.differential.mutations import Asked, furniture, requests
from tests.differential.personas import PERSONAS, designed, line, unlike
from tests.differential.sides import Side, differ
from tests.stories.lab import remove_leftovers

KNOWN = yaml.safe_load(Path(__file__).with_name("known.yaml").read_text())
FAILED = 500
DIGITS = re.compile(r"'[^']*'|\d+")


@dataclass
class Found:
    """A kind of difference."""

    asked: Asked
    what: str
    times: int = 0

    def __str__(self) -> str:
        query = f" ?{list(self.asked.query)}" if self.asked.query else ""
        told = f"{self.asked.operation} ({self.asked.microversion}) [{self.asked.cause}]{query:.120} x{self.times}"
        return f"- {told}\n    {self.what:.900}"


@dataclass
class Comparison:
    """`real` is the oracle. `found`: operation and kind of difference -> its first request, and how often.

    `known`: the same of what known.yaml lets pass, by the entry's place there and what was changed, too. `designed`:
    how often a table of operations refused what the real one does not. `failures`: what the real one fails on (500) and
    ours does not, which leaves nothing to compare.
    """

    real: Side
    ours: Side
    persona: str = "member"
    sent: int = 0
    refused: int = 0
    designed: int = 0
    seed: int = 0
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    known: dict[tuple[int, str, str, str], Found] = field(default_factory=dict)
    failures: dict[tuple[str, str], Found] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def run(self, number: int, count: int, among: list[str]) -> None:
        """So many requests, the same ones for the same seed; fewer if these operations have no more that are new."""
        self.seed = number

        @seed(number)
        @settings(
            max_examples=4 * count,  # hypothesis likes to ask the same again
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(requests(among))
        def ask(asked: Asked) -> None:
            if self.sent < count and asked.key not in self.asked:
                self.asked.add(asked.key)
                self.ask(asked)

        ask()

    def ask(self, asked: Asked) -> None:
        """One request to both; what a real administrator alone may do, and would do, is asked of us only."""
        operation = line(asked)
        self.sent += 1
        ours = self.ours.send(asked)
        if operation is not None and operation.answer and self.persona == "admin" and asked.method != "GET":
            self.designed += 1
            for what in unlike(operation, ours):
                self.note(asked, what)
            return
        real = self.real.send(asked)
        self.refused += real.status >= 400
        found = differ(asked, real, ours)
        if found and operation is not None and designed(operation, self.persona, real, ours):
            self.designed += 1
            found = []
        if real.status == FAILED > ours.status:
            for what in found:
                self.failures.setdefault(_kind(asked, what), Found(asked, what)).times += 1
            found = []
        for what in found:
            self.note(asked, what)
        for side, answer in ((self.real, real), (self.ours, ours)):
            side.after(asked, answer)

    def note(self, asked: Asked, what: str) -> None:
        """Keep a difference, as one that is known if it is."""
        kind = _kind(asked, what)
        entry = _known(asked, what, self.persona)
        if entry is None:
            self.found.setdefault(kind, Found(asked, what)).times += 1
        else:
            self.known.setdefault((entry, *kind, asked.cause), Found(asked, what)).times += 1

    def report(self, *, known: bool = False) -> str:
        """What was seen, for people; what known.yaml lets pass too, under its entry's reason, if that is asked for."""
        passed, failed = (sum(one.times for one in those.values()) for those in (self.known, self.failures))
        counts = f"{self.sent} requests to both, {self.refused} refused by the real one, on {failed} it failed"
        counts += f", {passed} known differences, {self.designed} refused by the table of operations"
        lines = [f"seed {self.seed}, {self.persona}: {counts}"]
        if known:
            for (entry, *_), one in sorted(self.known.items(), key=lambda pair: pair[0]):
                lines.append(f"known: {KNOWN[entry]['why']}\n{one}")
            lines += [f"the real one fails:\n{one}" for one in self.failures.values()]
        lines += [str(one) for _, one in sorted(self.found.items(), key=lambda pair: pair[0])]
        return "\n".join([*lines, f"{len(self.found)} kinds of difference"])


def _kind(asked: Asked, what: str) -> tuple[str, str]:
    return asked.operation, DIGITS.sub("*", what)[:120]


def _known(asked: Asked, what: str, persona: str) -> int | None:
    """The place of the first entry that lets it pass."""
    for place, entry in enumerate(KNOWN):
        told = {"operation": asked.operation, "what": what, "cause": asked.cause, "persona": persona}
        if all(re.search(entry[key], text) for key, text in told.items() if key in entry):
            return place
    return None


@contextmanager
def compared(
    real: dict[str, str], ours: dict[str, str], among: list[str], persona: str = "member"
) -> Iterator[Comparison]:
    """Both sides with the furniture that these operations need; afterwards the lab holds nothing of it."""
    who = PERSONAS[persona]
    comparison = Comparison(Side(real, who), Side(ours, who), persona)
    try:
        comparison.real.furnish(furniture(among))
        comparison.ours.furnish(furniture(among))
        yield comparison
    finally:
        if any(one.startswith("COMPUTE") for one in among):
            comparison.real.sweep()
        comparison.real.clear()
        remove_leftovers(real)
