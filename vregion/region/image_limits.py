"""Glance's limits of a project's images: how many there are, how large, and how many are on their way.

Asked by `images`, `image_data` and `image_imports` in the very transaction that writes the intent: whoever asks first
holds the project's row, so that no two processes take the last place (in Glance they can). Usage is counted from the
images as glance 33.0.0 `db/sqlalchemy/api.py` counts it; words and deltas are those of its `quota/keystone.py`. What is
announced for an upload counts from its beginning, which in Glance it does at the end only.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind
from vregion.region import usages
from vregion.region.regions import Transaction
from vregion.region.tables import resources as rows

SIZE, STAGE, COUNT, UPLOADING = "image_size_total", "image_stage_total", "image_count_total", "image_count_uploading"
KEPT_AS = {SIZE: SIZE, STAGE: STAGE, COUNT: "images", UPLOADING: UPLOADING}  # the name of the limit in our quota
ANNOUNCED = "vregion:announced"  # how large an upload that is under way said that it would be
STORES = "vregion:stores"
IMPORTING = "os_glance_importing_to_stores"
MIB = 1 << 20
_MOVING = ("saving", "uploading", "importing")
_WORDS = (
    "The request returned a 413 Request Entity Too Large. This generally means that rate limiting or a quota threshold "
    "was breached.\n\nThe response body:\nProject {project} is over a limit for [Resource {name} is over limit of "
    "{limit} due to current usage {used} and delta {delta}]"
)


async def usage(tx: Transaction, project_id: str) -> dict[str, tuple[int, int]]:
    """(limit, used) by Glance's names of its registered limits, sizes in MiB; -1: no limit. Two queries."""
    known = await usages.limits(tx, project_id)
    used = await _used(tx, project_id) | {COUNT: known[KEPT_AS[COUNT]][1]}
    return {name: (known[KEPT_AS[name]][0], used[name]) for name in (SIZE, STAGE, COUNT, UPLOADING)}


async def set_limits(tx: Transaction, project_id: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """Set limits, by Glance's names, of a project or, with '', of the region (registered ones); what they are now."""
    given = {KEPT_AS[name]: limit for name, limit in wanted.items()}
    if project_id:
        await usages.set_limits(tx, project_id, given)
    else:
        await usages.set_limits_of(tx, "", usages.CLASS, given)
    known = await usages.limits(tx, project_id)
    return {name: known[kept][0] for name, kept in KEPT_AS.items()}


async def require(tx: Transaction, project_id: str, deltas: Mapping[str, int]) -> None:
    """So much more fits, and nobody else of the project asks before the commit. Raises OverQuota (413).

    The caller has locked the image that it is about, as everybody does before he touches what the project uses.
    """
    known = await usages.limits(tx, project_id)
    limited = {name: delta for name, delta in deltas.items() if known[KEPT_AS[name]][0] >= 0}
    if not limited:
        return
    await usages.hold(tx, project_id, KEPT_AS[COUNT])
    used = await _used(tx, project_id)
    for name, delta in limited.items():
        limit = known[KEPT_AS[name]][0]
        if used[name] + delta > limit:
            raise over(project_id, name, (limit, used[name]), delta)


def over(project_id: str, name: str, known: tuple[int, int], delta: int) -> OverQuota:
    """Glance's words for a limit (and what is used of it) that would be passed."""
    words = _WORDS.format(project=project_id, name=name, limit=known[0], used=known[1], delta=delta)
    return OverQuota(words, status=413)


async def _used(tx: Transaction, project_id: str) -> dict[str, int]:
    """A copy in each store counts; what is staged or being brought to further stores takes room for that, too."""
    spec = rows.c.spec
    columns = (
        spec["size"].as_integer().label("size"),
        spec[ANNOUNCED].as_integer().label("announced"),
        spec[STORES].label("stores"),
        spec[IMPORTING].as_string().label("importing"),
    )
    mine = (rows.c.region_id == tx.region_id, rows.c.kind == Kind.IMAGE, rows.c.project_id == project_id)
    alive = (rows.c.deleting.is_(False), rows.c.status != "killed")
    size = stage = moving = 0
    for row in await tx.execute(select(rows.c.status, *columns).where(*mine, *alive)):
        bytes_ = row.size or row.announced or 0
        on_its_way = row.status in _MOVING or bool(row.importing)
        moving += on_its_way
        size += bytes_ * (1 if row.status == "saving" else len(row.stores or {}))
        stage += bytes_ if on_its_way and row.status != "saving" else 0
    return {SIZE: size // MIB, STAGE: stage // MIB, UPLOADING: moving}


def announced(spec: Mapping[str, Any], size: int | None) -> dict[str, Any]:
    """The spec of an image whose upload begins (with that size, as far as it is known), or has ended (None)."""
    kept = {name: value for name, value in spec.items() if name != ANNOUNCED}
    return kept if size is None else kept | {ANNOUNCED: size}
