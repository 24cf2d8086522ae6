"""Metadata by itself, all of it or one item, for whatever has it: the volumes' and the snapshots' routes are alike.

`volume_metadata` and `snapshot_metadata` hand in their paths, rules and rows.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.validation import Schema
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Resource
from vregion.region.regions import Transaction

Get = Callable[[Transaction, str, str | None], Awaitable[Resource]]
Update = Callable[[Transaction, Resource, Mapping[str, Any], datetime], Awaitable[Resource]]
Metadata = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Handlers:
    """One kind's. Registered by `routes_of`; `whole` and `item` are what may be asked of all and of one."""

    noun: str
    whole: Schema
    item: Schema
    get: Get
    update: Update

    async def index(self, call: Call) -> Reply:
        """All of it."""
        async with call.region.read() as tx:
            return Reply({"metadata": (await self._known(tx, call))[1]})

    async def create(self, call: Call) -> Reply:
        """Add items, or set them anew; the answer is all of it."""
        body = call.json()
        self.whole.check(body, call.microversion)
        return Reply({"metadata": await self._set(call, lambda known: {**known, **body["metadata"]})})

    async def replace(self, call: Call) -> Reply:
        """This and nothing else."""
        body = call.json()
        self.whole.check(body, call.microversion)
        return Reply({"metadata": await self._set(call, lambda known: body["metadata"])})

    async def show(self, call: Call) -> Reply:
        """One item."""
        async with call.region.read() as tx:
            known = (await self._known(tx, call))[1]
        return Reply({"meta": {call.path["key"]: self._item(call, known)}})

    async def set_item(self, call: Call) -> Reply:
        """One item, named alike in the path and in the body."""
        body = call.json()
        self.item.check(body, call.microversion)
        if call.path["key"] not in body["meta"]:
            raise Invalid("Request body and URI mismatch")
        await self._set(call, lambda known: {**known, **body["meta"]})
        return Reply({"meta": body["meta"]})

    async def delete(self, call: Call) -> Reply:
        """One item less."""
        key = call.path["key"]

        def without(known: Metadata) -> Metadata:
            self._item(call, known)
            return {name: value for name, value in known.items() if name != key}

        await self._set(call, without)
        return Reply(status=200)

    def _item(self, call: Call, metadata: Metadata) -> str:
        """Raises NotFound in Cinder's words."""
        key = call.path["key"]
        if key not in metadata:
            raise NotFound(f"{self.noun.capitalize()} {call.path['id']} has no metadata with key {key}.")
        return metadata[key]

    async def _known(self, tx: Transaction, call: Call) -> tuple[Resource, Metadata]:
        resource = await self.get(tx, call.path["id"], listing.whose(call))
        return resource, resource.spec.get("metadata", {})

    async def _set(self, call: Call, change: Callable[[Metadata], Metadata]) -> Metadata:
        async with call.region.write() as tx:
            resource, known = await self._known(tx, call)
            wanted = change(known)
            await self.update(tx, resource, {"metadata": wanted}, datetime.now(UTC))
        return wanted


def routes_of(noun: str, schemas: tuple[Schema, Schema], rules: Mapping[str, str], get: Get, update: Update) -> Routes:
    """The six operations below the noun's own; `rules` names the policy of get, create, update and delete."""
    routes, handlers, path = Routes(), Handlers(noun, *schemas, get, update), f"/{noun}s/{{id}}/metadata"
    routes.get(path, policy=rules["get"])(handlers.index)
    routes.post(path, policy=rules["create"])(handlers.create)
    routes.put(path, policy=rules["update"])(handlers.replace)
    routes.get(f"{path}/{{key}}", policy=rules["get"])(handlers.show)
    routes.put(f"{path}/{{key}}", policy=rules["update"])(handlers.set_item)
    routes.delete(f"{path}/{{key}}", policy=rules["delete"])(handlers.delete)
    return routes
