"""Nova's API. Joins the resources' routes and rules; `vregion.app` makes a `Service` of it."""

from vregion.api import faults
from vregion.api.compute import (
    availability_zones,
    extensions,
    flavors,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    operators,
    quota_sets,
    server_actions,
    server_consoles,
    server_details,
    server_groups,
    server_metadata,
    server_tags,
    servers,
    simple_tenant_usage,
    volume_attachments,
)
from vregion.api.compute.versions import VERSIONS, documents

_FILES = (
    availability_zones,
    extensions,
    flavors,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    operators,
    quota_sets,
    server_actions,
    server_consoles,
    server_details,
    server_groups,
    server_metadata,
    server_tags,
    servers,
    simple_tenant_usage,
    volume_attachments,
)
ROUTES = [route for file in _FILES for route in file.routes.all]
RULES = {rule: persona for file in _FILES for rule, persona in file.RULES.items()}
FAULT = faults.compute

__all__ = ["FAULT", "ROUTES", "RULES", "VERSIONS", "documents"]
