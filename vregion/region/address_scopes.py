"""Address scopes: pools of one scope share no address. Called by the API, and by subnet pools that are put into one.

A scope is a word only: no backend hears of it, since the tenant's prefixes are given out here.
"""

from datetime import datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources, sharing
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query


def document(scope: Resource) -> dict[str, Any]:
    """What a show answers."""
    spec = scope.spec
    own = standard.owned(scope)
    return {"id": scope.id, **own, "name": scope.name, "shared": spec["shared"], "ip_version": spec["ip_version"]}


async def get(tx: Transaction, caller: Caller, scope_id: str) -> Resource:
    """A scope that the caller sees. Raises NotFound."""
    scope = await resources.find(tx, Kind.ADDRESS_SCOPE, scope_id)
    if scope is None or not sharing.sees(caller, scope):
        raise NotFound(f"Address scope {scope_id} could not be found.", reason="AddressScopeNotFound")
    return scope


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new scope."""
    scope = await standard.insert(tx, standard.fresh(Kind.ADDRESS_SCOPE, caller, wanted, now), document)
    await sharing.open_to_all(tx, caller, scope, now, wanted=wanted["shared"])
    return scope


async def update(
    tx: Transaction, caller: Caller, scope_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change name and sharing; what is shared stays so."""
    await resources.lock(tx, Kind.ADDRESS_SCOPE, scope_id)
    scope = await get(tx, caller, scope_id)
    standard.check_owner(scope, caller, "update_address_scope")
    standard.check_revision(scope, revision)
    if scope.spec["shared"] and not wanted.get("shared", True):
        message = f"Unable to update address scope {scope_id} : Shared address scope can't be unshared."
        raise Invalid(message, reason="AddressScopeUpdateError")
    if "shared" in wanted:
        await sharing.open_to_all(tx, caller, scope, now, wanted=wanted["shared"])
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    return await standard.revise(tx, scope, document, now, spec=wanted, **columns)


async def delete(tx: Transaction, caller: Caller, scope_id: str, revision: int | None) -> None:
    """End a scope that no subnet pool is in."""
    await resources.lock(tx, Kind.ADDRESS_SCOPE, scope_id)
    scope = await get(tx, caller, scope_id)
    standard.check_owner(scope, caller, "delete_address_scope")
    standard.check_revision(scope, revision)
    if await pools_in(tx, scope_id):
        message = (
            f"Unable to complete operation on address scope {scope_id}. There are one or more subnet pools in use on "
            "the address scope."
        )
        raise Conflict(message, reason="AddressScopeInUse")
    await sharing.forget(tx, scope_id)
    await resources.remove(tx, Kind.ADDRESS_SCOPE, scope_id)


async def pools_in(tx: Transaction, scope_id: str) -> list[Resource]:
    """The subnet pools of a scope."""
    return await resources.list_resources(
        tx, Query(Kind.SUBNET_POOL, filters=[Filter("spec.address_scope_id", scope_id)])
    )
