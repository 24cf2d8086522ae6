"""The availability zones of the virtual region. A zone that takes nothing new is shown as not available."""

from vregion.api.http import Call, Reply, Routes

routes = Routes()


@routes.get("/os-availability-zone", policy="volume:availability_zone_list")
async def index(call: Call) -> Reply:
    """By name."""
    zones = await call.use.directory.bindings(call.region.id)
    found = [{"zoneName": z.availability_zone, "zoneState": {"available": z.state == "enabled"}} for z in zones]
    return Reply({"availabilityZoneInfo": found})
