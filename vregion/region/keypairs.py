"""Keypairs: they belong to a user, whatever project he works in; a name is his once.

Called by the keypairs API, by servers that boot with one (`of_user`), and by the reconcilers. The id is not made of the
name: a deleted keypair's copy may still be on a backend when the next one takes the name. Uniqueness and the limit hold
because the user's usage row is locked first. No private key ever comes here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import copies, resources, usages, user_limits
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

OWNED = "key_pairs_of_user"  # counted per user; the project's limit is `key_pairs`, of which Nova shows no usage
_LARGEST_ID = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Key:
    """What is imported, already understood."""

    name: str
    type: str
    public_key: str
    fingerprint: str


async def create(tx: Transaction, caller: Caller, user_id: str, key: Key, now: datetime) -> Resource:
    """A keypair, on no backend until a server needs it. Raises Conflict for a name in use, and OverQuota."""
    await usages.reserve(tx, user_id, {OWNED: 1})
    limit = (await user_limits.limits(tx, caller.project_id, caller.user_id))["key_pairs"]
    _, used = (await usages.limits(tx, user_id))[OWNED]
    if 0 <= limit < used:
        raise OverQuota("Quota exceeded, too many key pairs.")
    if await _find(tx, user_id, key.name) is not None:
        raise Conflict(f"Key pair '{key.name}' already exists.")
    keypair = Resource(
        id=uuid4().hex,
        kind=Kind.KEYPAIR,
        project_id=caller.project_id,
        user_id=user_id,
        name=key.name,
        status="available",
        created_at=now,
        updated_at=now,
        spec={"type": key.type, "public_key": key.public_key, "fingerprint": key.fingerprint},
    )
    keypair = replace(keypair, document=resources.dump(document(keypair)))
    await resources.insert_resource(tx, keypair)
    return keypair


async def of_user(tx: Transaction, user_id: str, name: str) -> Resource:
    """The user's keypair of that name. Raises NotFound in Nova's words."""
    found = await _find(tx, user_id, name)
    if found is None:
        raise NotFound(f"Keypair {name} not found for user {user_id}")
    return found


async def page(tx: Transaction, user_id: str, limit: int | None, marker: str | None) -> Sequence[Resource]:
    """The user's keypairs by name, those behind `marker`. Raises Invalid for a marker that is no name of his."""
    behind = None
    if marker is not None:
        found = await _find(tx, user_id, marker)
        if found is None:
            raise Invalid(f"Marker {marker} could not be found.")
        behind = found.id
    query = Query(Kind.KEYPAIR, None, _owned(user_id), (("name", True),), limit, behind)
    return await resources.list_resources(tx, query)


async def delete(tx: Transaction, keypair: Resource, now: datetime) -> None:
    """Its name is free at once; its copies go when no server still has to boot with it."""
    await usages.release(tx, keypair.user_id, {OWNED: 1})
    await resources.change(tx, keypair, deleting=True, updated_at=now)
    await copies.let_go(tx, Kind.KEYPAIR, keypair.id, now)


def document(keypair: Resource) -> dict[str, Any]:
    """Nova's show. The number in `id` is Nova's row number; here it is derived, and nothing is found by it."""
    return {
        "name": keypair.name,
        **keypair.spec,
        "user_id": keypair.user_id,
        "id": int(keypair.id, 16) & _LARGEST_ID,
        "created_at": keypair.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
    }


async def settled(tx: Transaction, keypair: Resource, observed: Observed) -> None:
    """A copy is there: the tenant's keypair does not change by it."""
    await copies.let_go(tx, Kind.KEYPAIR, keypair.id, datetime.now(UTC))


async def stopped(tx: Transaction, keypair: Resource, reason: str) -> None:
    """A backend refused the copy: the servers that wait for it say why."""


async def vanished(tx: Transaction, keypair: Resource) -> None:
    """The last copy is gone; the user's limit was given back when he deleted it."""


async def lost(tx: Transaction, keypair: Resource) -> None:
    """A copy was removed in its backend: it is made again when a server needs it."""


async def _find(tx: Transaction, user_id: str, name: str) -> Resource | None:
    found = await resources.list_resources(tx, Query(Kind.KEYPAIR, None, [*_owned(user_id), Filter("name", name)]))
    return found[0] if found else None


def _owned(user_id: str) -> list[Filter]:
    return [Filter("user_id", user_id), Filter("deleting", False)]
