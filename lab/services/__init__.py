"""One module per OpenStack service: the configuration of that service in one region.

`configure` writes all of them; lab.launch starts the processes. The services themselves are the unmodified packages.
"""

from lab.regions import Region
from lab.services import cinder, glance, keystone, neutron, nova, placement


def configure(region: Region) -> None:
    for service in (keystone, glance, placement, nova, neutron, cinder):
        service.configure(region)
