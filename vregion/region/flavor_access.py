"""Which of a tenant's projects have which private flavor: one row each, written by the tenant's admin through the API.

Only flavors that the provider gave to the tenant are asked for here; what he takes back leaves its rows, which then say
nothing. A server keeps what it was made with, whatever becomes of the access.
"""

from datetime import datetime

from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.resources import Query

_SORT = (("created_at", True),)


async def projects_of(tx: Transaction, flavor_id: str) -> list[str]:
    """The projects that have a flavor, the oldest access first."""
    return [row.project_id for row in await resources.children(tx, Kind.FLAVOR_ACCESS, flavor_id)]


async def flavors_of(tx: Transaction, project_id: str) -> frozenset[str]:
    """The flavors that a project has by these rows."""
    rows = await resources.list_fields(tx, Query(Kind.FLAVOR_ACCESS, project_id, sort=_SORT), "parent_id")
    return frozenset(str(row[0]) for row in rows)


async def add(tx: Transaction, caller: Caller, flavor_id: str, project_id: str, now: datetime) -> None:
    """The project has it from now on. Raises Conflict when it had it already."""
    row = Resource(
        id=_id(flavor_id, project_id),
        kind=Kind.FLAVOR_ACCESS,
        project_id=project_id,
        user_id=caller.user_id,
        name="",
        status="",
        created_at=now,
        updated_at=now,
        spec={},
        parent_id=flavor_id,
    )
    if not await resources.insert_new(tx, row):
        words = f"for flavor {flavor_id} and project {project_id} combination."
        raise Conflict(f"Flavor access already exists {words}")


async def remove(tx: Transaction, flavor_id: str, project_id: str) -> None:
    """The project has it no longer. Raises NotFound when it had not."""
    if not await resources.remove(tx, Kind.FLAVOR_ACCESS, _id(flavor_id, project_id)):
        raise NotFound(f"Flavor access not found for {flavor_id} / {project_id} combination.")


def _id(flavor_id: str, project_id: str) -> str:
    return f"{project_id}/{flavor_id}"
