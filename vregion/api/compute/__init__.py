"""Nova's API. Joins the resources' routes and rules; `vregion.app` makes a `Service` of it."""

from vregion.api import faults, operations
from vregion.api.compute import (
    availability_zones,
    extensions,
    flavor_access,
    flavors,
    floating_ips_proxy,
    images_proxy,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    networks_proxy,
    quota_class_sets,
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
    versions,
    volume_attachments,
    volumes_proxy,
)
from vregion.api.compute.versions import VERSIONS, documents

_FILES = (
    availability_zones,
    extensions,
    flavor_access,
    flavors,
    images_proxy,
    instance_actions,
    interfaces,
    keypairs,
    limits,
    floating_ips_proxy,
    networks_proxy,
    quota_class_sets,
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
    versions,
    volume_attachments,
    volumes_proxy,
)
OPERATIONS = operations.table("compute")
HANDLED = [route for file in _FILES for route in file.routes.all]
ROUTES = [*HANDLED, *operations.refusals(OPERATIONS, HANDLED)]
RULES = operations.rules(OPERATIONS) | {rule: who for file in _FILES for rule, who in file.RULES.items()}
FAULT = faults.compute

__all__ = ["FAULT", "HANDLED", "OPERATIONS", "ROUTES", "RULES", "VERSIONS", "documents"]
