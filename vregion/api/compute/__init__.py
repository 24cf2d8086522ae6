"""Nova's API. Joins the resources' routes and rules; `vregion.app` makes a `Service` of it."""

from vregion.api import faults
from vregion.api.compute import (
    availability_zones,
    extensions,
    flavors,
    keypairs,
    limits,
    operators,
    quota_sets,
    server_groups,
    servers,
    simple_tenant_usage,
)
from vregion.api.compute.versions import VERSIONS, documents

_FILES = (
    availability_zones,
    extensions,
    flavors,
    keypairs,
    limits,
    operators,
    quota_sets,
    server_groups,
    servers,
    simple_tenant_usage,
)
ROUTES = [route for file in _FILES for route in file.routes.all]
RULES = {rule: persona for file in _FILES for rule, persona in file.RULES.items()}
FAULT = faults.compute

__all__ = ["FAULT", "ROUTES", "RULES", "VERSIONS", "documents"]
