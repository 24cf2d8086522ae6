"""What Cinder tells the user of a resource that failed: it is not in the resource but in messages about it.

Called by the kinds of block storage when they look at one of theirs. Nothing is asked of what has not failed.
"""

from dataclasses import replace

from vregion.drivers.contract import Observed
from vregion.drivers.openstack.service import Service, Window
from vregion.model.microversion import Microversion

_MESSAGES = Window("volume.messages", Microversion(3, 5))
_NEWEST = "20"


async def told(service: Service, seen: Observed) -> Observed:
    """With `messages`, the newest first, if it has failed and there are any."""
    if seen.failed is None or not await service.knows(_MESSAGES):
        return seen
    params = [("resource_uuid", seen.external_id), ("sort", "created_at:desc"), ("limit", _NEWEST)]
    found = (await service.send("GET", "/messages", params=params)).part("messages")
    return replace(seen, document=seen.document | {"messages": found}) if found else seen
