"""What a virtual region has on its backends, in words for the provider: why a zone or a tenant cannot go.

Some things are on a backend only for the sake of others that need them there: keypairs, groups, and copies of images
that another zone has. They hold no zone back, and are taken away when it goes.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, exists, false, func, not_, or_, select

from vregion.model.resource import Kind, State
from vregion.region import realizations
from vregion.region.regions import Region
from vregion.region.tables import metadata, resources
from vregion.region.tables import realizations as rows

_OF_OTHERS = (  # they go with what they are of, or say nothing by themselves
    Kind.SECURITY_GROUP_RULE, Kind.ATTACHMENT, Kind.DELETED_SERVER, Kind.MIGRATION, Kind.DEFAULT_TYPE,
    Kind.FLAVOR_ACCESS, Kind.MESSAGE, Kind.GROUP_TYPE,
)  # fmt: skip
_MADE_WHERE_NEEDED = (Kind.KEYPAIR, Kind.SECURITY_GROUP, Kind.ADDRESS_GROUP, Kind.SERVER_GROUP, Kind.QOS_POLICY)


async def on_backend(region: Region, backend_id: str) -> list[str]:
    """'server web (1f0c...)' for each thing that is or shall be on a backend, to stay there, for its own sake."""
    return await _named(region, _there(region, backend_id).where(rows.c.wanted, not_(_dispensable())))


async def in_region(region: Region) -> list[str]:
    """Everything that the region has and keeps, but for the default groups of its projects, which nobody can delete."""
    default = and_(resources.c.kind == Kind.SECURITY_GROUP, resources.c.spec["default"].as_boolean())
    parts = resources.c.kind.in_(_OF_OTHERS)
    return await _named(region, _all(region).where(not_(or_(default, parts, resources.c.deleting))))


async def clear(region: Region, backend_id: str, now: datetime) -> list[str]:
    """Take away what is on a backend only for the sake of others; what is still there, things on their way out too."""
    async with region.write() as tx:
        found = await tx.execute(_there(region, backend_id).where(_dispensable(), rows.c.wanted))
        for row in found.all():
            await realizations.unwant(tx, Kind(row.kind), row.id, now, backend_id)
    return await _named(region, _there(region, backend_id))


async def forget(region: Region) -> None:
    """Remove every row of a closed region."""
    async with region.write() as tx:
        for table in metadata.sorted_tables:
            await tx.execute(delete(table).where(table.c.region_id == region.id))


def _all(region: Region) -> Select[tuple[str, str, str]]:
    """The provider's own, the external network, is left out: it holds nothing back."""
    columns = (resources.c.kind, resources.c.name, resources.c.id)
    ours = not_(func.coalesce(resources.c.spec["router:external"].as_boolean(), false()))
    return select(*columns).where(resources.c.region_id == region.id, ours).order_by(resources.c.kind, resources.c.name)


def _there(region: Region, backend_id: str) -> Select[tuple[str, str, str]]:
    same = (rows.c.region_id == resources.c.region_id) & (rows.c.resource_id == resources.c.id)
    joined = _all(region).join(rows, same & (rows.c.kind == resources.c.kind))
    return joined.where(rows.c.backend_id == backend_id)


def _dispensable() -> ColumnElement[bool]:
    """Made again wherever something needs it, or an image that is whole elsewhere."""
    other = rows.alias("elsewhere")
    elsewhere = exists().where(
        other.c.region_id == rows.c.region_id,
        other.c.resource_id == rows.c.resource_id,
        other.c.kind == rows.c.kind,
        other.c.backend_id != rows.c.backend_id,
        other.c.wanted,
        other.c.state == State.READY,
    )
    return or_(resources.c.kind.in_(_MADE_WHERE_NEEDED), and_(resources.c.kind == Kind.IMAGE, elsewhere))


async def _named(region: Region, chosen: Select[tuple[str, str, str]]) -> list[str]:
    async with region.read() as tx:
        return [f"{row.kind.replace('_', ' ')} {row.name} ({row.id})" for row in await tx.execute(chosen)]
