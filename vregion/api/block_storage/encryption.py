"""The encryption of a volume: none. A zone's own encryption is its own affair, and no volume type asks for any."""

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.region import volumes

routes = Routes()
RULES = {"volume_extension:volume_encryption_metadata": "reader"}


@routes.get("/volumes/{id}/encryption", policy="volume_extension:volume_encryption_metadata")
async def index(call: Call) -> Reply:
    """What Cinder tells of a volume that is not encrypted."""
    async with call.region.read() as tx:
        await volumes.get(tx, call.path["id"], listing.whose(call))
    return Reply({"encryption_key_id": None})


@routes.get("/volumes/{id}/encryption/{key}", policy="volume_extension:volume_encryption_metadata")
async def show(call: Call) -> Reply:
    """One item of it, by itself: Cinder's answer has no body then."""
    async with call.region.read() as tx:
        await volumes.get(tx, call.path["id"], listing.whose(call))
    return Reply()
