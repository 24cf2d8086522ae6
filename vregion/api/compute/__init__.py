"""Nova's API. Joins the resources' routes and rules; `vregion.app` makes a `Service` of it."""

from vregion.api import faults
from vregion.api.compute import (
    availability_zones,
    extensions,
    flavors,
    floating_ips_proxy,
    images_proxy,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    networks_proxy,
    operators,
    quota_sets,
    security_groups_proxy,
    server_actions,
    server_consoles,
    server_details,
    server_groups,
    server_metadata,
    server_migrations,
    server_shares,
    server_tags,
    servers,
    simple_tenant_usage,
    volume_attachments,
    volumes_proxy,
)
from vregion.api.compute.versions import VERSIONS, documents

_FILES = (
    availability_zones,
    extensions,
    flavors,
    images_proxy,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    floating_ips_proxy,
    networks_proxy,
    operators,
    quota_sets,
    security_groups_proxy,
    server_actions,
    server_consoles,
    server_details,
    server_groups,
    server_metadata,
    server_migrations,
    server_shares,
    server_tags,
    servers,
    simple_tenant_usage,
    volume_attachments,
    volumes_proxy,
)
ROUTES = [route for file in _FILES for route in file.routes.all]
RULES = {rule: persona for file in _FILES for rule, persona in file.RULES.items()}
FAULT = faults.compute

__all__ = ["FAULT", "ROUTES", "RULES", "VERSIONS", "documents"]
