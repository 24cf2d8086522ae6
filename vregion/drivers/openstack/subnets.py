"""Subnets on one OpenStack cloud. Made by the driver; the mark is Neutron's description."""

from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InDescription


class Subnets(Resources):
    """Neutron's subnets: they have no status, so that they are there or not."""

    word = "subnet"
    path = "/subnets"
    mark = InDescription()
