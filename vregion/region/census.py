"""What a virtual region has on its backends, in words for the provider: why a zone or a tenant cannot go."""

from sqlalchemy import delete, select

from vregion.region.regions import Region
from vregion.region.tables import metadata, realizations, resources


async def on_backend(region: Region, backend_id: str | None) -> list[str]:
    """'server web (1f0c...)' for each thing that is, or shall be, on a backend; None: for everything in the region."""
    statement = select(resources.c.kind, resources.c.name, resources.c.id).where(resources.c.region_id == region.id)
    if backend_id is not None:
        statement = statement.join(
            realizations,
            (realizations.c.region_id == resources.c.region_id)
            & (realizations.c.resource_id == resources.c.id)
            & (realizations.c.kind == resources.c.kind),
        ).where(realizations.c.backend_id == backend_id)
    async with region.read() as tx:
        rows = await tx.execute(statement.order_by(resources.c.kind, resources.c.name))
        return [f"{row.kind.replace('_', ' ')} {row.name} ({row.id})" for row in rows]


async def forget(region: Region) -> None:
    """Remove every row of a closed region."""
    async with region.write() as tx:
        for table in metadata.sorted_tables:
            await tx.execute(delete(table).where(table.c.region_id == region.id))
