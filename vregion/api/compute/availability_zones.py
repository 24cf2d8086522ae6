"""Availability zones: the names under which this virtual region's backends are bound. Their hosts are nobody's here.

A zone that takes no new servers (draining) is shown as not available.
"""

from vregion.api.http import Call, Reply, Routes

routes = Routes()
_ROOT = "os_compute_api:os-availability-zone"
RULES = {f"{_ROOT}:list": "any"}


@routes.get("/os-availability-zone", policy=f"{_ROOT}:list")
async def index(call: Call) -> Reply:
    """Those that are available first, as Nova lists them."""
    bindings = await call.use.directory.bindings(call.caller.region_id)
    zones = sorted((binding.state != "enabled", binding.availability_zone) for binding in bindings)
    told = [{"zoneName": name, "zoneState": {"available": not closed}, "hosts": None} for closed, name in zones]
    return Reply({"availabilityZoneInfo": told})
