"""The registry: one recipe per kind that is realized on backends. A kind without one has rows only."""

from collections.abc import Mapping

from vregion.model.resource import Kind
from vregion.reconcile import (
    address_groups,
    backups,
    floating_ips,
    images,
    keypairs,
    networks,
    ports,
    qos_policies,
    routers,
    security_groups,
    server_groups,
    servers,
    snapshots,
    subnets,
    trunks,
    volumes,
)
from vregion.reconcile.recipe import Recipe

RECIPES: Mapping[Kind, Recipe] = {
    recipe.kind: recipe
    for recipe in (
        address_groups.RECIPE,
        backups.RECIPE,
        floating_ips.RECIPE,
        images.RECIPE,
        keypairs.RECIPE,
        networks.RECIPE,
        ports.RECIPE,
        qos_policies.RECIPE,
        routers.RECIPE,
        security_groups.RECIPE,
        server_groups.RECIPE,
        servers.RECIPE,
        snapshots.RECIPE,
        subnets.RECIPE,
        trunks.RECIPE,
        volumes.RECIPE,
    )
}
