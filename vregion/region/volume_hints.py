"""Cinder's scheduler hints: volumes and a server that a new volume shall be beside, or shall not be.

They are the tenant's ids; a zone hears of those that it has, by its own ids. What is in another zone is on another host
by nature, and an unknown id says nothing, as in Cinder. Called by `volume_creates` and by the volumes' recipe.
"""

from collections.abc import Mapping
from typing import Any

from vregion.model.resource import Kind
from vregion.region import resources
from vregion.region.regions import Transaction

_KINDS = {"same_host": Kind.VOLUME, "different_host": Kind.VOLUME, "local_to_instance": Kind.SERVER}
_THERE = ("available", "in-use", "ACTIVE", "SHUTOFF")


async def named(tx: Transaction, project_id: str, hints: Mapping[str, Any], backend_id: str) -> list[tuple[Kind, str]]:
    """What the hints name that is on that backend already."""
    found = []
    for hint, kind in _KINDS.items():
        known = await resources.find_many(tx, kind, _ids(hints.get(hint)))
        found += [
            (kind, one.id)
            for one in known.values()
            if (one.project_id, one.backend_id) == (project_id, backend_id)
            and one.status in _THERE
            and not one.deleting
        ]
    return found


def translated(hints: Mapping[str, Any], references: Mapping[tuple[Kind, str], str]) -> dict[str, Any]:
    """The hints by a backend's ids, without those that name nothing there."""
    told = {name: value for name, value in hints.items() if name not in _KINDS}
    for hint, kind in _KINDS.items():
        if here := [references[kind, one] for one in _ids(hints.get(hint)) if (kind, one) in references]:
            told[hint] = here[0] if kind is Kind.SERVER else here
    return told


def _ids(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
