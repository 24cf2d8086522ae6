"""What Nova and Cinder let the credential's project still make: their own limits and what is used of them.

Called by the driver, in the background and never in a request: two reads. The names are those of vregion's quota.
"""

from collections.abc import Mapping

from vregion.drivers.contract import Unsupported
from vregion.drivers.openstack.service import Service

# nova/api/openstack/compute/views/limits.py and cinder/api/v3/limits.py: our name -> (most, used)
_COMPUTE = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
}
_VOLUME = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
}


async def told(compute: Service, volume: Service) -> Mapping[str, tuple[int, int]]:
    """name -> (most, used); -1: any number. A service that is not there says nothing."""
    found: dict[str, tuple[int, int]] = {}
    for service, names in ((compute, _COMPUTE), (volume, _VOLUME)):
        try:
            absolute = (await service.send("GET", "/limits")).part("limits")["absolute"]
        except Unsupported:
            continue
        for name, (most, used) in names.items():
            if most in absolute and used in absolute:
                found[name] = int(absolute[most]), int(absolute[used])
    return found
