"""Cinder's hosts: its own business, listed among the extensions and refused to a tenant in its words."""

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import Forbidden

routes = Routes()
_RULE = "volume_extension:hosts"


@routes.get("/os-hosts", policy=_RULE)
@routes.get("/os-hosts/{id}", policy=_RULE)
async def refused(call: Call) -> Reply:
    """Whoever the policy lets pass hears that there are none."""
    raise Forbidden(f"Policy doesn't allow {_RULE} to be performed.")
