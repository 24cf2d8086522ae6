"""Reads what a Tempest run has printed: one outcome per test."""

import re
from pathlib import Path

LINE = re.compile(
    r"^\{\d+\} (?P<test>[\w.]+(?: \([\w.]+\))?)(?: \[[\d.]+s\])? \.\.\. (?P<word>ok|FAILED|SKIPPED)", re.M
)
OUTCOMES = {"ok": "success", "FAILED": "fail", "SKIPPED": "skip"}


def outcomes(log: Path) -> dict[str, str]:
    """name -> 'success', 'fail' or 'skip'. A class that fails or is skipped as a whole stands under its own name, as
    `setUpClass (...)`, and its tests are not in the answer."""
    return {found["test"]: OUTCOMES[found["word"]] for found in LINE.finditer(log.read_text(errors="replace"))}
