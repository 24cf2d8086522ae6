"""Nova's quota as one user meets it: limits of his own where the tenant's admin gave him some, else his project's.

Called by the transactions that make servers, server groups and keypairs, and by the quota API. A count of what a user
has is sound after the project's reservation: that has locked the project's usage, so that nothing joins it meanwhile.
What is counted, and of whom, is Nova's choice (nova 34.0.0 `nova/quota.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind
from vregion.region import usages
from vregion.region.regions import Transaction
from vregion.region.tables import resources

_OF_SERVERS = ("instances", "cores", "ram")
_FILES = ("injected_files", "injected_file_path_bytes", "injected_file_content_bytes")


async def known(tx: Transaction, project_id: str, user_id: str) -> dict[str, tuple[int, int]]:
    """resource -> (limit, used by him), of the limits that are his own: none, as a rule, for the price of a look-up."""
    own = await usages.limits_of(tx, project_id, user_id)
    used = await used_by(tx, project_id, user_id) if own else {}
    return {name: (limit, used.get(name, 0)) for name, limit in own.items()}


async def used_by(tx: Transaction, project_id: str, user_id: str) -> dict[str, int]:
    """What a user's servers take, and how many server groups he has."""
    mine = (
        resources.c.region_id == tx.region_id,
        resources.c.project_id == project_id,
        resources.c.user_id == user_id,
    )
    held = [func.coalesce(func.sum(resources.c.spec["reserved", name].as_integer()), 0) for name in _OF_SERVERS]
    servers = (await tx.execute(select(*held).where(*mine, resources.c.kind == Kind.SERVER))).one()
    groups = select(func.count()).where(*mine, resources.c.kind == Kind.SERVER_GROUP, resources.c.deleting.is_(False))
    counted = int((await tx.execute(groups)).scalar_one())
    return {name: int(value) for name, value in zip(_OF_SERVERS, servers, strict=True)} | {"server_groups": counted}


async def require(tx: Transaction, project_id: str, user_id: str, amounts: Mapping[str, int]) -> None:
    """After the project's reservation: the user's own limits hold too. Raises OverQuota."""
    own = await known(tx, project_id, user_id)
    if usages.short(own, amounts):
        raise usages.too_many(own, amounts)


async def limits(tx: Transaction, project_id: str, user_id: str) -> dict[str, int]:
    """resource -> the smaller of the project's limit and the user's own; -1 is none."""
    both = {name: limit for name, (limit, _) in (await usages.limits(tx, project_id)).items()}
    for name, limit in (await usages.limits_of(tx, project_id, user_id)).items():
        both[name] = limit if both.get(name, -1) < 0 else min(limit, both[name]) if limit >= 0 else both[name]
    return both


async def check_metadata(tx: Transaction, project_id: str, user_id: str, items: int) -> None:
    """How many metadata items a server may have. Raises OverQuota in Nova's words."""
    limit = (await limits(tx, project_id, user_id))["metadata_items"]
    if 0 <= limit < items:
        raise OverQuota(f"Maximum number of metadata items exceeds {limit}")


async def check_files(tx: Transaction, project_id: str, user_id: str, personality: Sequence[Mapping[str, Any]]) -> None:
    """How many files are injected, and of what length. Raises OverQuota in Nova's words (`compute/api.py`)."""
    if not personality:
        return
    allowed = await limits(tx, project_id, user_id)
    files, path, content = (allowed[name] for name in _FILES)
    if 0 <= files < len(personality):
        raise OverQuota("Personality file limit exceeded")
    if 0 <= path < max(len(one["path"]) for one in personality):
        raise OverQuota(f"Personality file path exceeds maximum {path}")
    if 0 <= content < max(len(one["contents"]) for one in personality):
        raise OverQuota(f"Personality file content exceeds maximum {content}")
