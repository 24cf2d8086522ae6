"""User messages (3.3): what has failed of volumes, snapshots and backups, in the words of their zones.

Each failure is a message of its own, there until it is deleted or expires, whatever becomes of what it is about.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.model.microversion import Microversion
from vregion.model.resource import Kind, Resource
from vregion.region import messages, resources
from vregion.region.resources import Query

routes = Routes()
_PAGED = Microversion(3, 5)


@routes.get("/messages", policy="message:get_all", since="3.3")
async def index(call: Call) -> Reply:
    """All of the project's, or of the admin's projects; paged, sorted and filtered from 3.5 on."""
    kept = messages.kept(datetime.now(UTC))
    async with call.region.read() as tx:
        if call.microversion < _PAGED:
            query = Query(Kind.MESSAGE, listing.whose(call), kept)
            return Reply({"messages": [_shown(call, one) for one in await resources.list_resources(tx, query)]})
        found, _, size = await listing.page(tx, call, listing.MESSAGES, kept)
    links = listing.next_page(call, "messages", found, size)
    return Reply({"messages": [_shown(call, one) for one in found]} | ({"messages_links": links} if links else {}))


@routes.delete("/messages/{message_id}", policy="message:delete", since="3.3")
async def delete(call: Call) -> Reply:
    """Read and done with; what it was about stays as it is."""
    async with call.region.write() as tx:
        now = datetime.now(UTC)
        await messages.delete(tx, await messages.get(tx, call.path["message_id"], listing.whose(call), now))
    return Reply(status=204)


@routes.get("/messages/{message_id}", policy="message:get", since="3.3")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        found = await messages.get(tx, call.path["message_id"], listing.whose(call), datetime.now(UTC))
    return Reply({"message": _shown(call, found)})


def _shown(call: Call, message: Resource) -> dict[str, Any]:
    root, place = call.base.rpartition("/")[0], f"{call.project_id}/messages/{message.id}"
    links = [{"rel": "self", "href": f"{call.base}/{place}"}, {"rel": "bookmark", "href": f"{root}/{place}"}]
    return {**orjson.loads(message.document), "links": links}
