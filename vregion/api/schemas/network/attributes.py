"""What a table of attributes consists of. The tables beside this file are data; `vregion.api.network` reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Absent(Enum):
    """Defaults that are not values: the attribute must be given, or the region chooses when it is not."""

    REQUIRED = "required"
    CHOSEN = "chosen"


REQUIRED, CHOSEN = Absent.REQUIRED, Absent.CHOSEN


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a resource.

    read     value -> value in Neutron's canonical form; raises what Neutron raises
    default  when a create does not give it
    post/put whether a create or an update may give it
    field    where the row has it (a column, or 'spec.NAME'), for filters and sorting; empty: neither
    sorts    whether it may be a sort key
    asked    text -> value, when it is a filter
    only     who may give another value than the default, beside those who may create: a persona
    """

    read: Callable[[Any], Any] = lambda value: value
    default: Any = None
    post: bool = True
    put: bool = True
    field: str = ""
    sorts: bool = True
    asked: Callable[[str], Any] = str
    only: str = ""


Attributes = Mapping[str, Attribute]


def shown(field: str, *, asked: Callable[[str], Any] = str, sorts: bool = True) -> Attribute:
    """An attribute that only we set."""
    return Attribute(default=CHOSEN, post=False, put=False, field=field, sorts=sorts, asked=asked)
