"""A user's own limits, and the class that holds for everybody else: what is counted of whom, on both databases."""

from typing import Any

import pytest

from tests.unit.region.rows import NOON, resource
from vregion.model.caller import Caller
from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind
from vregion.region import resources, server_groups, usages, user_limits
from vregion.region.regions import Region, Transaction

ONE = {"instances": 1, "cores": 2, "ram": 512}


async def a_server(tx: Transaction, **more: Any) -> None:
    await resources.insert_resource(tx, resource(Kind.SERVER, spec={"reserved": ONE}, **more))


async def test_what_others_have_is_not_counted(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits_of(tx, "p1", "u1", {"cores": 3})
        await a_server(tx, user_id="u2")
        await a_server(tx, project_id="p2")
        await user_limits.require(tx, "p1", "u1", ONE)
        await a_server(tx)
        with pytest.raises(OverQuota, match="Quota exceeded for cores: Requested 2, but already used 2 of 3 cores"):
            await user_limits.require(tx, "p1", "u1", ONE)
        await user_limits.require(tx, "p1", "u2", ONE)
        assert await user_limits.used_by(tx, "p1", "u1") == {**ONE, "server_groups": 0}


async def test_the_smaller_limit_holds(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"metadata_items": 5, "key_pairs": -1, "injected_files": 1})
        await usages.set_limits_of(tx, "p1", "u1", {"metadata_items": 9, "key_pairs": 2, "injected_files": -1})
        found = await user_limits.limits(tx, "p1", "u1")
        assert [found[name] for name in ("metadata_items", "key_pairs", "injected_files")] == [5, 2, 1]
        await user_limits.check_metadata(tx, "p1", "u1", 5)
        with pytest.raises(OverQuota, match="Maximum number of metadata items exceeds 5"):
            await user_limits.check_metadata(tx, "p1", "u1", 6)


async def test_files_are_few_and_short(region: Region) -> None:
    file = {"path": "/etc/motd", "contents": "aGVsbG8="}
    async with region.write() as tx:
        await user_limits.check_files(tx, "p1", "u1", [file])
        await usages.set_limits(tx, "p1", {"injected_files": 1, "injected_file_path_bytes": 9})
        await user_limits.check_files(tx, "p1", "u1", [file])
        for files, words in (
            ([file, file], "Personality file limit exceeded"),
            ([file | {"path": "/etc/issue"}], "Personality file path exceeds maximum 9"),
            ([file | {"contents": "x" * 10241}], "Personality file content exceeds maximum 10240"),
        ):
            with pytest.raises(OverQuota, match=words):
                await user_limits.check_files(tx, "p1", "u1", files)


async def test_server_groups_of_a_user(region: Region) -> None:
    caller = Caller("u1", "p1", "d1", "r1", frozenset({"member"}), "req-1")
    wanted = {"name": "together", "policy": "affinity"}
    async with region.write() as tx:
        await usages.set_limits_of(tx, "p1", "u1", {"server_groups": 1})
        await server_groups.create(tx, caller, wanted, NOON)
    with pytest.raises(OverQuota, match="too many server groups"):
        async with region.write() as tx:
            await server_groups.create(tx, caller, wanted, NOON)
    async with region.read() as tx:
        assert (await usages.limits(tx, "p1"))["server_groups"][1] == 1


async def test_the_default_class_holds_until_a_project_has_its_own_limit(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits_of(tx, "", usages.CLASS, {"instances": 1})
        await usages.set_limits_of(tx, "", usages.CLASS, {"instances": 2})
        await usages.set_limits_of(tx, "", "another", {"instances": 0})
        await usages.reserve(tx, "p1", {"instances": 2})
        assert (await usages.limits(tx, "p1"))["instances"] == (2, 2)
        assert (await usages.limits(tx, "p1"))["cores"] == (usages.DEFAULT_LIMITS["cores"], 0)
    with pytest.raises(OverQuota, match="already used 2 of 2"):
        async with region.write() as tx:
            await usages.reserve(tx, "p1", {"instances": 1})
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"instances": 3})
        await usages.reserve(tx, "p1", {"instances": 1})


async def test_what_users_were_given(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits_of(tx, "p1", "u1", {"cores": 3, "ram": 512})
        await usages.set_limits_of(tx, "p1", "u2", {"cores": 4})
        await usages.set_limits_of(tx, "p2", "u1", {"cores": 5})
        assert await usages.given_to_users(tx, "p1") == {"cores": 7, "ram": 512}
        await usages.forget_limits_of(tx, "p1", "u1")
        assert await usages.given_to_users(tx, "p1") == {"cores": 4}
        await usages.forget_limits_of(tx, "p1", None)
        assert await usages.given_to_users(tx, "p1") == {}
        assert await usages.limits_of(tx, "p2", "u1") == {"cores": 5}
