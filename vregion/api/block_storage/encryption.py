"""The encryption of a volume, as its zone told it when it was looked at last. The key itself stays there.

The volume type in the zone decides whether, and how; no tenant changes that.
"""

from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.region import volumes

routes = Routes()
RULES = {"volume_extension:volume_encryption_metadata": "reader"}


async def _found(call: Call) -> dict[str, Any]:
    async with call.region.read() as tx:
        volume = await volumes.get(tx, call.path["id"], listing.whose(call))
    return dict(volume.spec.get(volumes.ENCRYPTION, volumes.NOT_ENCRYPTED))


@routes.get("/volumes/{id}/encryption", policy="volume_extension:volume_encryption_metadata")
async def index(call: Call) -> Reply:
    """Of one that is not encrypted there is only a key that it has not."""
    return Reply(await _found(call))


@routes.get("/volumes/{id}/encryption/{key}", policy="volume_extension:volume_encryption_metadata")
async def show(call: Call) -> Reply:
    """One item of it, by itself: Cinder's answer is its text, and has no body when it is not there."""
    item = (await _found(call)).get(call.path["key"])
    return Reply() if item is None else Reply(str(item).encode(), content_type="text/html; charset=UTF-8")
