"""Deleted keypairs and server groups, whose copies on backends must outlive the servers still to be created with them.

Nova keeps the key and the group with the server from the first moment; a backend hears of the server a little later.
Once they are let go nothing needs them any more: a server that was made with them goes on without.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, select

from vregion.model.resource import Kind
from vregion.region import realizations, resources
from vregion.region.regions import Transaction
from vregion.region.tables import needs
from vregion.region.tables import realizations as places


async def let_go(tx: Transaction, kind: Kind, resource_id: str, now: datetime) -> None:
    """Take the copies of a deleted one away, unless a server waits for them. Servers call it once they are made."""
    found = await resources.find(tx, kind, resource_id)
    if found is None or not found.deleting or await _awaited(tx, kind, resource_id):
        return
    await tx.execute(delete(needs).where(*_needed(tx, kind, resource_id)))
    if not await realizations.unwant(tx, kind, resource_id, now):
        await resources.remove(tx, kind, resource_id)


async def _awaited(tx: Transaction, kind: Kind, resource_id: str) -> bool:
    """Whether something that needs it is wanted on a backend and has no external id there yet."""
    unmade = exists().where(
        and_(
            places.c.region_id == tx.region_id,
            places.c.resource_id == needs.c.resource_id,
            places.c.kind == needs.c.kind,
            places.c.wanted,
            places.c.external_id.is_(None),
        )
    )
    waiting = select(needs.c.resource_id).where(*_needed(tx, kind, resource_id), unmade)
    return (await tx.execute(waiting.limit(1))).first() is not None


def _needed(tx: Transaction, kind: Kind, resource_id: str) -> list[ColumnElement[bool]]:
    return [needs.c.region_id == tx.region_id, needs.c.needed_id == resource_id, needs.c.needed_kind == kind]
