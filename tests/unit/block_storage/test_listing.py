"""Whose rows a list of block storage shows to whom."""

from typing import Any

import pytest
from starlette.requests import Request

from tests.unit.region.rows import resource
from vregion.api.block_storage import RULES, listing
from vregion.api.http import Call, Resources
from vregion.api.policy import Policy
from vregion.model.caller import Caller
from vregion.model.microversion import Microversion
from vregion.model.resource import Kind
from vregion.region import resources, volume_copies
from vregion.region.regions import Region

OWNERS = ("p1", "p2", volume_copies.PROJECT)


def a_call(text: str, role: str) -> Call:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": text.encode()}
    caller = Caller("u1", "p1", "d", "r", frozenset({role}), "req")
    nothing: Any = None
    use: Resources = nothing
    return Call(caller, nothing, use, Request(scope), {}, Microversion(3, 71), "http://api/v3", Policy(RULES))


@pytest.mark.parametrize(
    ("role", "text", "owners"),
    [
        ("member", "", {"p1"}),
        ("member", "all_tenants=1", {"p1"}),
        ("admin", "", {"p1"}),
        ("admin", "all_tenants=1", {"p1", "p2"}),
        ("admin", "all_tenants=1&project_id=p2", {"p2"}),
        ("admin", f"all_tenants=1&project_id={volume_copies.PROJECT}", set()),
    ],
)
async def test_projects(region: Region, role: str, text: str, owners: set[str]) -> None:
    """What copies between zones need is shown to nobody, whatever project is named."""
    async with region.write() as tx:
        await resources.insert_resources(tx, [resource(Kind.VOLUME, project_id=owner) for owner in OWNERS])
        shown, _, _ = await listing.page(tx, a_call(text, role), listing.VOLUMES)
    assert {volume.project_id for volume in shown} == owners
