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
from vregion.model.refusals import Invalid
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


@pytest.mark.parametrize(
    ("role", "text", "shown"),
    [
        ("admin", "sort=id&sort=nope", 0),
        ("admin", "sort=nope&sort=id", 0),
        ("admin", "limit=1&limit=1", 0),
        ("admin", "sort=id", 1),
        ("admin", "sort=nope", None),
        ("member", "sort=nope", None),
    ],
)
async def test_an_admins_second_word_is_a_filter(region: Region, role: str, text: str, shown: int | None) -> None:
    """By what no row has, and looked at before what is sorted by; None: refused."""
    async with region.write() as tx:
        await resources.insert_resource(tx, resource(Kind.VOLUME, project_id="p1"))
        if shown is None:
            with pytest.raises(Invalid, match="Invalid sort key"):
                await listing.page(tx, a_call(text, role), listing.VOLUMES)
        else:
            assert len((await listing.page(tx, a_call(text, role), listing.VOLUMES))[0]) == shown
