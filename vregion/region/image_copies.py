"""Copies of images: what lies in a zone only because something there needed it, and may go when room is wanted.

Called by the reconciler after each copy (a ceiling per zone), by the tenant's wish to have an image in fewer zones, and
by the provider. The zones where the tenant has an image (`images.stores`) always keep it, so the last copy never goes;
nor does one that a server stands on, or that anything waits for. A copy that is gone comes back when it is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select

from vregion.model.resource import Kind, State
from vregion.region import images, realizations
from vregion.region.realizations import USED_AT
from vregion.region.regions import Transaction
from vregion.region.tables import needs, resources
from vregion.region.tables import realizations as places


@dataclass(frozen=True, slots=True)
class Copy:
    """One image in one zone. `kept`: the tenant has it there; `needed`: something stands on it or waits for it."""

    image_id: str
    name: str
    size: int
    used_at: str
    kept: bool
    needed: bool


async def there(tx: Transaction, backend_id: str, image_ids: Iterable[str] | None = None) -> list[Copy]:
    """What a backend has, the longest unused first; one query."""
    needed = exists().where(*_needing(backend_id)).correlate(places)
    spec, used = resources.c.spec, places.c.observed[USED_AT].as_string()
    joined = places.join(
        resources,
        and_(
            resources.c.region_id == places.c.region_id,
            resources.c.id == places.c.resource_id,
            resources.c.kind == places.c.kind,
        ),
    )
    where = [
        places.c.region_id == tx.region_id,
        places.c.kind == Kind.IMAGE,
        places.c.backend_id == backend_id,
        places.c.wanted,
        places.c.state == State.READY,
    ]
    if image_ids is not None:
        where.append(places.c.resource_id.in_(list(image_ids)))
    chosen = select(resources.c.id, resources.c.name, spec, used.label("used"), needed.label("needed"))
    found = await tx.execute(chosen.select_from(joined).where(*where))
    copies = [
        Copy(
            row.id,
            row.name,
            row.spec.get("size") or 0,
            row.used or "",
            backend_id in row.spec.get(images.STORES, {}) or row.spec.get(images.STORES) is None,
            bool(row.needed),
        )
        for row in found
    ]
    return sorted(copies, key=lambda copy: (copy.used_at, copy.image_id))


async def shrink(tx: Transaction, backend_id: str, ceiling: int | None, now: datetime) -> list[str]:
    """Let copies go until they are within the ceiling (bytes), the longest unused first; which ones went."""
    if ceiling is None:
        return []
    copies = [copy for copy in await there(tx, backend_id) if not copy.kept]
    over, gone = sum(copy.size for copy in copies) - ceiling, []
    for copy in copies:
        if over > 0 and not copy.needed and await drop(tx, backend_id, copy.image_id, now):
            over -= copy.size
            gone.append(copy.image_id)
    return gone


async def drop(tx: Transaction, backend_id: str, image_id: str, now: datetime) -> bool:
    """Let one copy go, unless it is kept or needed by now.

    The row is held first: whoever wants it at this moment (`realizations.want`) is before us and seen, or behind us and
    then wants it anew.
    """
    if not tx.sqlite:
        row = (places.c.region_id == tx.region_id, places.c.kind == Kind.IMAGE, places.c.resource_id == image_id)
        await tx.execute(select(places.c.state).where(*row, places.c.backend_id == backend_id).with_for_update())
    for copy in await there(tx, backend_id, [image_id]):
        if not copy.kept and not copy.needed:
            await realizations.release_needs(tx, Kind.IMAGE, image_id, backend_id)
            await realizations.unwant(tx, Kind.IMAGE, image_id, now, backend_id)
            return True
    return False


def _needing(backend_id: str) -> list[ColumnElement[bool]]:
    """Something on that backend that needs the image and is a server, or is not made yet."""
    users = places.alias("users")
    return [
        needs.c.region_id == places.c.region_id,
        needs.c.needed_id == places.c.resource_id,
        needs.c.needed_kind == Kind.IMAGE,
        users.c.region_id == needs.c.region_id,
        users.c.resource_id == needs.c.resource_id,
        users.c.kind == needs.c.kind,
        users.c.backend_id == backend_id,
        or_(users.c.kind == Kind.SERVER, users.c.external_id.is_(None)),
    ]
