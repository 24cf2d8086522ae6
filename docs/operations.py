"""Writes docs/reference/operations.md from the services' tables of operations: what works, and what answers what.

`python docs/operations.py` writes it; tests/unit/test_house.py holds that it is up to date.
"""

from pathlib import Path

from vregion.api.operations import Operation
from vregion.app import SERVICES

PAGE = Path(__file__).parent / "reference" / "operations.md"
HEAD = """\
# Operations

Every operation that the real services offer, and how vregion answers it. The persona is the least that the real
service's default policy lets through. A refused operation has the status and the words that a client gets.
"""


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    for service, (module, prefix) in SERVICES.items():
        operations: tuple[Operation, ...] = getattr(module, "OPERATIONS", ())
        if not operations:
            continue
        works = sum(o.answer is None for o in operations)
        parts.append(f"\n## {service}: `/{service}{prefix}`\n\n{works} of {len(operations)} operations work.\n\n")
        parts.append("| Operation | Microversions | Persona | Answer |\n|---|---|---|---|\n")
        parts += [_line(o) for o in operations]
    return "".join(parts)


def _line(o: Operation) -> str:
    window = f"{o.since} - {o.until}" if o.since or o.until else ""
    answer = f"{o.answer}: {o.words}" if o.answer else "works"
    return f"| `{' '.join(filter(None, (o.method, o.path, o.action)))}` | {window} | {o.persona} | {answer} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
