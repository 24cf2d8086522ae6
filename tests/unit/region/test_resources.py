"""Rows of plain nouns: what is found, by whom, in which order, page by page."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Integer

from tests.unit.region.rows import resource
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind
from vregion.region import resources
from vregion.region.regions import Region, Regions, Transaction
from vregion.region.resources import Filter, Query
from vregion.region.tables import KEYS
from vregion.region.tables import resources as table

Page = Callable[[Transaction, Query], Awaitable[list[str]]]


async def test_a_row_comes_back_as_it_went_in(region: Region) -> None:
    row = resource(spec={"size": 3, "metadata": {"a": "ü"}}, document=b'{"id":1}', availability_zone="az1")
    async with region.write() as tx:
        await resources.insert_resource(tx, row)
    async with region.read() as tx:
        assert await resources.get(tx, Kind.VOLUME, row.id) == row


async def test_another_kind_or_project_is_not_found(region: Region) -> None:
    row = resource()
    async with region.write() as tx:
        await resources.insert_resource(tx, row)
    async with region.read() as tx:
        assert await resources.find(tx, Kind.SERVER, row.id) is None
        assert await resources.find(tx, Kind.VOLUME, row.id, "p2") is None
        with pytest.raises(NotFound, match=f"Volume {row.id} could not be found"):
            await resources.get(tx, Kind.VOLUME, row.id, "p2")


async def test_a_region_sees_nothing_of_another(region: Region) -> None:
    row = resource()
    other = Region("elsewhere", region._engines, lambda region_id: None)
    async with region.write() as tx:
        await resources.insert_resource(tx, row)
    async with other.read() as tx:
        assert await resources.find(tx, Kind.VOLUME, row.id) is None
        assert await resources.list_resources(tx, Query(Kind.VOLUME)) == []


@pytest.mark.parametrize("sort", [(("created_at", False),), (("name", True),), (("spec.size", True), ("name", False))])
async def test_pages_put_together_are_the_whole_sorted_list(region: Region, sort: tuple[tuple[str, bool], ...]) -> None:
    rows = [resource(minute=i % 4, name=f"n{i % 3}", spec={"size": (0, 5 << 30, None)[i % 3]}) for i in range(17)]
    async with region.write() as tx:
        await resources.insert_resources(tx, rows)
    async with region.read() as tx:
        whole = await resources.list_resources(tx, Query(Kind.VOLUME, "p1", sort=sort))
        pages, marker = [], None
        while page := await resources.list_resources(tx, Query(Kind.VOLUME, "p1", sort=sort, limit=4, marker=marker)):
            pages += page
            marker = page[-1].id
    assert [r.id for r in pages] == [r.id for r in whole]
    assert {r.id for r in whole} == {r.id for r in rows}


async def test_an_unknown_marker_is_refused(region: Region) -> None:
    async with region.read() as tx:
        with pytest.raises(Invalid):
            await resources.list_resources(tx, Query(Kind.VOLUME, marker="nothing"))


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (Filter("name", "b"), {"b"}),
        (Filter("name", ["a", "b"], "in"), {"a", "b"}),
        (Filter("name", [], "in"), set()),
        (Filter("name", "a", "ne"), {"b", "50%"}),
        (Filter("name", "0%", "contains"), {"50%"}),
        (Filter("name", "5", "prefix"), {"50%"}),
        (Filter("availability_zone", True, "null"), {"a", "b"}),
        (Filter("spec.size", 2), {"b"}),
        (Filter("spec.size", 2, "ge"), {"b", "50%"}),
        (Filter("spec.bootable", "true"), {"a"}),
        (Filter("spec.bootable", True, "null"), {"50%"}),
        (Filter("spec.encrypted", True), {"a"}),
        (Filter("spec.encrypted", True, "null"), {"50%"}),
    ],
)
async def test_filters(region: Region, condition: Filter, names: set[str]) -> None:
    rows = [
        resource(name="a", spec={"size": 1, "bootable": "true", "encrypted": True}),
        resource(name="b", spec={"size": 2, "bootable": "false", "encrypted": False}),
        resource(name="50%", spec={"size": 3}, availability_zone="az1"),
    ]
    async with region.write() as tx:
        await resources.insert_resources(tx, rows)
    async with region.read() as tx:
        query = Query(Kind.VOLUME, "p1", [condition])
        assert {r.name for r in await resources.list_resources(tx, query)} == names
        assert await resources.count(tx, query) == len(names)


async def test_shared_rows_of_other_projects_are_in_the_list(region: Region) -> None:
    rows = [resource(name="mine"), resource(name="open", project_id="p2", spec={"visibility": "public"})]
    rows.append(resource(name="closed", project_id="p2", spec={"visibility": "private"}))
    async with region.write() as tx:
        await resources.insert_resources(tx, rows)
    async with region.read() as tx:
        query = Query(Kind.VOLUME, "p1", shared=[Filter("spec.visibility", "public")])
        assert {r.name for r in await resources.list_resources(tx, query)} == {"mine", "open"}


async def test_a_failed_transaction_leaves_nothing(region: Region) -> None:
    row = resource()

    async def interrupted() -> None:
        async with region.write() as tx:
            await resources.insert_resource(tx, row)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()
    async with region.read() as tx:
        assert await resources.find(tx, Kind.VOLUME, row.id) is None


@pytest.mark.parametrize(("kind", "keys"), KEYS.items())
async def test_a_change_is_found_by_what_has_a_column(region: Region, kind: Kind, keys: dict[str, str]) -> None:
    """As it was written, and as it was changed; NULL is not the value, and what another kind has is JSON as before."""
    values = {column: {Boolean: True, Integer: 3, BigInteger: 3 << 32}.get(_type(column), "v") for column in keys}
    one, other = resource(kind, spec={}), resource(kind, spec={keys[column]: values[column] for column in keys})
    async with region.write() as tx:
        await resources.insert_resources(tx, [one, other])
    for changed, found in ((None, {other.id}), (one, {one.id, other.id}), (other, {one.id})):
        if changed is not None:
            async with region.write() as tx:
                await resources.change(tx, changed, spec=other.spec if changed is one else {})
        for column, key in keys.items():
            async with region.read() as tx:
                query = Query(kind, filters=[Filter(f"spec.{key}", values[column])], limit=5)
                assert {row.id for row in await resources.list_resources(tx, query)} == found, column


def _type(column: str) -> type:
    """Of a column, as SQLAlchemy knows it."""
    return type(table.c[column].type)


async def test_a_server_whose_names_are_as_long_as_can_be_is_written_and_found(region: Region) -> None:
    """No entry of an index is too long for PostgreSQL, whatever of it compresses."""
    long = "".join(chr(0x1F300 + n * 37 % 768) for n in range(255))
    ascii_ = "".join(chr(33 + n * 37 % 94) for n in range(255))
    spec = {
        "imageRef": "i" * 36, "flavorRef": ascii_, "vm_state": "shelved_offloaded", "task_state": "resize_reverting",
        "key_name": long, "vregion:hostname": ascii_, "description": long, "tags": [long[n:n + 60] for n in range(50)],
        "user_data": ascii_ * 257, "accessIPv6": "f" * 39, "launched_at": "2026-01-01T00:00:00.000000",
    }  # fmt: skip
    row = resource(Kind.SERVER, name=long, availability_zone=ascii_, user_id="u" * 64, project_id="p" * 64, spec=spec)
    async with region.write() as tx:
        await resources.insert_resource(tx, row)
        await resources.change(tx, row, status="ERROR", spec=spec | {"vregion:hostname": ascii_[::-1]})
    async with region.read() as tx:
        query = Query(Kind.SERVER, filters=[Filter("hostname", ascii_[::-1])], sort=[("key_name", False)], limit=5)
        assert [found[1:] for found in await resources.list_columns(tx, query, "id")] == [(row.id,)]


@pytest.mark.parametrize(
    "sort", [(("created_at", True),), (("name", False), ("created_at", True)), (("hostname", True),)]
)
async def test_a_page_begins_behind_its_marker(region: Region, sort: tuple[tuple[str, bool], ...]) -> None:
    """Also where the first key is the same on both sides of it, is NULL, or goes the other way than the next."""
    spec = [{"vregion:hostname": None}, {"vregion:hostname": "h"}]
    rows = [resource(Kind.SERVER, i % 3, name=f"n{i % 2}", spec=spec[i % 2]) for i in range(9)]
    async with region.write() as tx:
        await resources.insert_resources(tx, rows)
    async with region.read() as tx:
        whole = [row.id for row in await resources.list_resources(tx, Query(Kind.SERVER, sort=sort))]
        for at, marker in enumerate(whole):
            behind = await resources.list_resources(tx, Query(Kind.SERVER, sort=sort, marker=marker))
            assert [row.id for row in behind] == whole[at + 1 :]


async def in_one_call(tx: Transaction, query: Query) -> list[str]:
    return [row.name for row in await resources.list_resources(tx, query)]


async def in_two(tx: Transaction, query: Query) -> list[str]:
    places = [place for (place,) in await resources.list_columns(tx, query)]
    read = {row[0]: row[1] for row in await resources.columns_of(tx, places, "name")}
    return [read[place] for place in places if place in read]


@pytest.mark.parametrize("page", [in_one_call, in_two])
@pytest.mark.parametrize("writing", [False, True], ids=["reading", "writing"])
async def test_what_changes_while_a_page_is_read(
    region: Region, regions: Regions, page: Page, writing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its two statements. Who reads sees one moment; who writes sees what others, or he, wrote meanwhile, and
    no row goes missing because it was written.
    """
    rows = [resource(minute=n, name=f"n{n}") for n in range(4)]
    async with region.write() as tx:
        await resources.insert_resources(tx, rows)
    read = resources._at

    async def late(tx: Transaction, places: Sequence[int], fields: tuple[str, ...]) -> Any:
        async with nullcontext(tx) if writing and not regions.shared else region.write() as other:
            await resources.change(other, rows[1], name="changed")
            await resources.remove(other, Kind.VOLUME, rows[2].id)
            await resources.insert_resource(other, resource(name="n0"))
        return await read(tx, places, fields)

    monkeypatch.setattr(resources, "_at", late)
    query = Query(Kind.VOLUME, "p1", sort=[("name", True)], limit=3)
    async with region.write() if writing else region.read() as tx:
        assert await page(tx, query) == (["n0", "changed"] if writing else ["n0", "n1", "n2"])
