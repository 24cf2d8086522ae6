"""Real OpenStack clouds behind the driver contract, over plain HTTP: Nova, Cinder, Neutron, Glance and Keystone."""

from vregion.drivers.openstack.driver import OpenStackDriver
from vregion.drivers.openstack.session import request_id

__all__ = ["OpenStackDriver", "request_id"]
