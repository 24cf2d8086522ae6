"""How far each change feed of a backend has been read. Moved after the changes themselves are committed."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.model.resource import Kind
from vregion.region.regions import Transaction
from vregion.region.tables import watermarks


async def get(tx: Transaction, backend_id: str, kind: Kind) -> datetime | None:
    """None when the feed was never read."""
    row = await tx.execute(
        select(watermarks.c.seen_at).where(
            watermarks.c.region_id == tx.region_id,
            watermarks.c.backend_id == backend_id,
            watermarks.c.kind == kind,
        )
    )
    return row.scalar_one_or_none()


async def advance(tx: Transaction, backend_id: str, kind: Kind, seen_at: datetime) -> None:
    """The feed has been read and applied up to here."""
    insert = sqlite_insert if tx.sqlite else postgresql_insert
    values = {"region_id": tx.region_id, "backend_id": backend_id, "kind": kind, "seen_at": seen_at}
    await tx.execute(
        insert(watermarks)
        .values(values)
        .on_conflict_do_update(
            index_elements=[watermarks.c.region_id, watermarks.c.backend_id, watermarks.c.kind],
            set_={"seen_at": seen_at},
        )
    )
