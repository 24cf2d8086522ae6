"""A microversion as an ordered pair, and the windows in which something holds."""

import re
from dataclasses import dataclass

_FORM = re.compile(r"^(\d{1,3})\.(\d{1,4})$")


@dataclass(frozen=True, slots=True, order=True)
class Microversion:
    """`major.minor`; 2.10 is newer than 2.9."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "Microversion | None":
        """None when the text has not the form N.N."""
        found = _FORM.match(text.strip())
        return cls(int(found[1]), int(found[2])) if found else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"
