"""The provider's database: what is written is read, from memory where it may be, on SQLite and on PostgreSQL."""

import asyncio
import base64
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import IntegrityError

from vregion.database import Engines
from vregion.directory import backends, bindings, flavors, store, tables, tenants
from vregion.directory.directory import Directory
from vregion.directory.flavors import Flavor, Match
from vregion.directory.sealing import SealBroken
from vregion.directory.tenants import Tenant, now
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.microversion import Microversion
from vregion.settings import Settings

SMALL = Flavor("1", "small", 1, 512, 5, extra_specs={"hw:cpu_policy": "shared"})
BIG = Flavor("2", "big", 8, 8192, 50)


def tenant(name: str = "acme") -> Tenant:
    return Tenant(str(uuid.uuid4()), name, uuid.uuid4().hex, "open", now(), {"note": "x"})


def backend(name: str = "north") -> Backend:
    return Backend(str(uuid.uuid4()), name, "memory", "memory://" + name, "RegionOne", {"a": 1})


def binding(region_id: str, zone: str, backend_id: str, *, default: bool = False) -> Binding:
    return Binding(str(uuid.uuid4()), region_id, zone, backend_id, "opening", default)


async def _bound(directory: Directory) -> tuple[Tenant, Backend, Binding]:
    acme, north = await tenants.add(directory, tenant()), backend()
    await backends.add(directory, north, Credential({"password": "northern-secret"}), {})
    bound = await _bind(directory, binding(acme.region_id, "az1", north.id))
    await bindings.enable(directory, bound.id, Credential({"password": "tenants-secret"}), given=False)
    return acme, north, bound


async def _bind(directory: Directory, wanted: Binding, *, given: bool = False) -> Binding:
    written = await bindings.add(directory, wanted, given=given)
    assert written is not None
    return written


def _count(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements that reach the database from now on."""
    seen: list[str] = []
    reader = engines._reader or (engines._remote and engines._remote.sync_engine)
    event.listen(reader, "before_cursor_execute", lambda *a: seen.append(a[2]))
    monkeypatch.setattr(store, "CHECK_SECONDS", 3600.0)
    return seen


async def test_a_bound_zone_is_found_from_the_domain(directory: Directory) -> None:
    acme, north, bound = await _bound(directory)
    assert await directory.region_of_domain(acme.domain_id) == acme
    assert await directory.region(acme.region_id) == acme
    (found,) = await directory.bindings(acme.region_id)
    assert (found.id, found.state, found.default, found.backend_id) == (bound.id, "enabled", True, north.id)
    assert await directory.backend(north.id) == north
    assert (await directory.credential(bound.id)).values == {"password": "tenants-secret"}
    assert (await directory.backend_credential(north.id)).values == {"password": "northern-secret"}
    assert await directory.reach(acme.region_id, north.id) == (found, north, Credential({"password": "tenants-secret"}))


async def test_what_is_not_there(directory: Directory) -> None:
    assert await directory.region("nobody") is None
    assert await directory.region_of_domain("nobody") is None
    assert await directory.bindings("nobody") == ()
    assert await directory.backend("nobody") is None
    with pytest.raises(LookupError):
        await directory.credential("nobody")
    with pytest.raises(LookupError):
        await directory.reach("nobody", "nobody")


async def test_hot_lookups_cost_no_query(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    acme, north, bound = await _bound(directory)
    await flavors.add(directory, SMALL)

    async def ask() -> None:
        await directory.region_of_domain(acme.domain_id)
        await directory.region(acme.region_id)
        await directory.reach(acme.region_id, north.id)
        await directory.credential(bound.id)
        await directory.flavors()
        await directory.backend_flavors(north.id)

    seen = _count(directory._engines, monkeypatch)
    await ask()
    assert seen  # the counter counts
    seen.clear()
    for _ in range(100):
        await ask()
    assert seen == []


async def test_the_memory_is_bounded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = await Directory.open(settings)
    directory._limit = 10
    acme, *_ = await _bound(directory)
    seen = _count(directory._engines, monkeypatch)
    for number in range(100):
        await directory.region(str(number))
        await directory.region(acme.region_id)
    assert len(directory._memory._answers) == 10
    assert len([s for s in seen if "tenants" in s]) == 101  # the one in use was never forgotten
    await directory.close()


async def test_another_process_s_write_is_seen_within_the_second(
    settings: Settings, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHECK_SECONDS", 0.2)
    acme, *_ = await _bound(directory)
    other = await Directory.open(settings)
    assert len(await other.bindings(acme.region_id)) == 1
    south = backend("south")
    await backends.add(directory, south, Credential({}), {})
    added = await _bind(directory, binding(acme.region_id, "az2", south.id))
    await bindings.enable(directory, added.id, Credential({}), given=False)
    assert len(await directory.bindings(acme.region_id)) == 2  # own writes count at once
    await asyncio.sleep(0.25)
    assert {b.availability_zone for b in await other.bindings(acme.region_id)} == {"az1", "az2"}
    await other.close()


async def test_an_answer_overtaken_by_a_write_is_not_kept(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, *_ = await _bound(directory)
    read, go = asyncio.Event(), asyncio.Event()
    find = tenants.find

    async def slow(connection, region_id):  # type: ignore[no-untyped-def]
        found = await find(connection, region_id)
        read.set()
        await go.wait()
        return found

    monkeypatch.setattr(tenants, "find", slow)
    late = asyncio.create_task(directory.region(acme.region_id))
    await read.wait()
    await tenants.set_state(directory, acme.region_id, "closing")
    go.set()
    assert (await late) == acme  # it asked before
    assert (found := await directory.region(acme.region_id)) is not None
    assert found.state == "closing"


async def test_unfinished_bindings_are_not_the_tenant_s(directory: Directory) -> None:
    acme, north, bound = await _bound(directory)
    await bindings.set_state(directory, bound.id, "closing")
    assert await directory.bindings(acme.region_id) == ()
    await bindings.set_state(directory, bound.id, "draining")
    assert [b.state for b in await directory.bindings(acme.region_id)] == ["draining"]
    assert [b.id for b in await bindings.of_backend(directory, north.id, 5)] == [bound.id]


async def test_one_default_zone(directory: Directory) -> None:
    acme, _, first = await _bound(directory)
    south, west = backend("south"), backend("west")
    for cloud in (south, west):
        await backends.add(directory, cloud, Credential({}), {})
    second = await _bind(directory, binding(acme.region_id, "az2", south.id), given=True)
    assert not second.default
    third = await _bind(directory, binding(acme.region_id, "az3", west.id, default=True))
    defaults = [b.id for b in await bindings.of_region(directory, acme.region_id) if b.default]
    assert defaults == [third.id]
    await bindings.remove(directory, third)
    defaults = [b.id for b in await bindings.of_region(directory, acme.region_id) if b.default]
    assert defaults == [first.id]
    assert await bindings.is_given(directory, second.id)


async def test_two_zones_of_a_region_never_share_a_backend(directory: Directory) -> None:
    acme, north, bound = await _bound(directory)
    south = backend("south")
    await backends.add(directory, south, Credential({}), {})
    for wanted in (("az1", north.id), ("az2", north.id), ("az1", south.id)):
        assert (await _bind(directory, binding(acme.region_id, *wanted))).id == bound.id
    async with directory.read() as connection:
        row = (await connection.execute(tables.bindings.select())).one()._mapping
    with pytest.raises(IntegrityError):
        async with directory.write() as connection:
            await connection.execute(tables.bindings.insert().values({**row, "id": "2", "availability_zone": "az2"}))


async def test_nothing_is_bound_to_what_is_gone_or_going(directory: Directory) -> None:
    acme, north = await tenants.add(directory, tenant()), backend()
    assert await bindings.add(directory, binding(acme.region_id, "az1", north.id), given=False) is None
    await backends.add(directory, north, Credential({}), {})
    assert await bindings.add(directory, binding("nobody", "az1", north.id), given=False) is None
    await tenants.set_state(directory, acme.region_id, "closing")
    assert await bindings.add(directory, binding(acme.region_id, "az1", north.id), given=False) is None


async def test_what_is_bound_cannot_be_removed(directory: Directory) -> None:
    acme, north, bound = await _bound(directory)
    with pytest.raises(ValueError, match="zones are bound"):
        await backends.remove(directory, north.id)
    with pytest.raises(IntegrityError):
        await tenants.remove(directory, acme.region_id)
    assert (await directory.backend_credential(north.id)).values == {"password": "northern-secret"}
    await bindings.remove(directory, bound)
    await backends.remove(directory, north.id)
    await tenants.remove(directory, acme.region_id)
    assert await directory.backends() == {}
    with pytest.raises(LookupError):
        await directory.backend_credential(north.id)


@pytest.mark.parametrize("state", ["opening", "closing"])
async def test_only_an_open_tenant_is_served(directory: Directory, state: str) -> None:
    acme = await tenants.add(directory, tenant())
    await tenants.set_state(directory, acme.region_id, state)
    assert await directory.region_of_domain(acme.domain_id) is None
    assert (found := await directory.region(acme.region_id)) is not None
    assert found.state == state


async def test_names_are_taken_once(directory: Directory) -> None:
    acme = await tenants.add(directory, tenant())
    assert await tenants.add(directory, tenant()) == acme
    north = backend()
    assert await backends.add(directory, north, Credential({}), {"services": {}})
    assert not await backends.add(directory, backend(), Credential({}), {})
    await backends.record(directory, north.id, "unreachable", {"reason": "timeout"})
    (checked,) = await backends.checked(directory)
    assert (checked.backend, checked.state, checked.report) == (north, "unreachable", {"reason": "timeout"})


async def test_tenants_come_in_pages(directory: Directory) -> None:
    for name in ("c", "a", "b"):
        await tenants.add(directory, tenant(name))
    assert [t.name for t in await tenants.page(directory, "", 2)] == ["a", "b"]
    assert [t.name for t in await tenants.page(directory, "b", 2)] == ["c"]


async def test_flavors_and_their_matches(directory: Directory) -> None:
    north = backend()
    await backends.add(directory, north, Credential({}), {})
    assert await flavors.add(directory, BIG)
    assert await flavors.add(directory, SMALL)
    assert not await flavors.add(directory, Flavor("1", "other", 1, 1, 1))
    assert not await flavors.add(directory, Flavor("3", "small", 1, 1, 1))
    assert list((await directory.flavors()).values()) == [SMALL, BIG]
    await flavors.match(directory, north.id, {"1": Match("x1"), "2": Match(None, "too big"), "gone": Match("y")})
    assert await directory.backend_flavors(north.id) == {"1": "x1"}
    assert await flavors.lacking(directory) == {"2": {north.id: "too big"}}
    await flavors.match(directory, north.id, {"2": Match("x2")})
    assert await directory.backend_flavors(north.id) == {"1": "x1", "2": "x2"}
    assert await flavors.remove(directory, "1")
    assert not await flavors.remove(directory, "1")
    assert await directory.backend_flavors(north.id) == {"2": "x2"}


async def test_a_private_flavor_is_given_to_tenants(directory: Directory) -> None:
    await tenants.add(directory, tenant("a"))
    mine = tenant("b")
    await tenants.add(directory, mine)
    await flavors.add(directory, BIG)
    await flavors.add(directory, replace(SMALL, is_public=False))
    assert not await flavors.give(directory, "2", mine.region_id)  # it is public
    assert not await flavors.give(directory, "9", mine.region_id)
    assert await directory.private_flavors(mine.region_id) == frozenset()
    assert await flavors.give(directory, "1", mine.region_id)
    assert await flavors.give(directory, "1", mine.region_id)
    assert await directory.private_flavors(mine.region_id) == {"1"}
    assert await flavors.whose(directory) == {"1": ["b"]}
    assert await flavors.take(directory, "1", mine.region_id)
    assert not await flavors.take(directory, "1", mine.region_id)
    assert await directory.private_flavors(mine.region_id) == frozenset()
    await flavors.give(directory, "1", mine.region_id)
    await tenants.remove(directory, mine.region_id)
    assert await flavors.whose(directory) == {}


async def test_credentials_are_not_readable_in_the_database(directory: Directory, tmp_path: Path) -> None:
    await _bound(directory)
    async with directory.read() as connection:
        rows = (await connection.execute(tables.credentials.select())).all()
    assert len(rows) == 2
    for form, _, body in (row.sealed.split(".") for row in rows):
        assert form == "v1"
        assert b"secret" not in body.encode() + base64.b64decode(body)


async def test_a_credential_moved_to_another_binding_stays_shut(directory: Directory) -> None:
    *_, bound = await _bound(directory)
    async with directory.write() as connection:
        swapped = update(tables.credentials).where(tables.credentials.c.owner_kind == "backend")
        taken = tables.credentials.select().where(tables.credentials.c.owner_id == bound.id)
        await connection.execute(swapped.values(sealed=(await connection.execute(taken)).one().sealed))
    with pytest.raises(SealBroken):
        await directory.backend_credential((await directory.binding(bound.id) or bound).backend_id)


async def test_a_lost_key_file_is_not_replaced_over_sealed_credentials(settings: Settings) -> None:
    directory = await Directory.open(settings)
    await directory.close()
    settings.keys_path.unlink()
    directory = await Directory.open(settings)  # nothing sealed yet: a new key is fine
    *_, bound = await _bound(directory)
    await directory.close()
    kept = settings.keys_path.rename(settings.keys_path.with_suffix(".kept"))
    with pytest.raises(SealBroken):
        await Directory.open(settings)
    kept.rename(settings.keys_path)
    directory = await Directory.open(settings)
    assert (await directory.credential(bound.id)).values == {"password": "tenants-secret"}
    await directory.close()


async def test_concurrent_writers_take_turns(directory: Directory) -> None:
    async def open_one(number: int) -> None:
        await tenants.add(directory, tenant(f"t{number:02}"))

    before = await _version(directory)
    await asyncio.gather(*(open_one(n) for n in range(30)))
    assert len(await tenants.page(directory, "", 100)) == 30
    assert await _version(directory) == before + 30


async def _version(directory: Directory) -> int:
    async with directory.read() as connection:
        return (await connection.execute(tables.meta.select())).one().version  # type: ignore[no-any-return]


async def test_the_newest_microversion_is_that_of_the_newest_backend(directory: Directory) -> None:
    acme, north, _ = await _bound(directory)
    south = backend("south")
    await backends.add(directory, south, Credential({"password": "p2"}), {})
    another = await _bind(directory, binding(acme.region_id, "az2", south.id))
    await bindings.enable(directory, another.id, Credential({"password": "p3"}), given=False)
    assert await directory.newest("compute") is None
    for one, newest in ((north, "2.96"), (south, "2.104")):
        report = {"services": {"compute": {"version": "v2.1", "microversion": newest}}}
        await backends.record(directory, one.id, "ready", report)
    assert await directory.newest("compute") == Microversion(2, 104)
    assert await directory.newest("compute", acme.region_id) == Microversion(2, 104)
    assert await directory.newest("compute", "another") is None
    assert await directory.newest("volume") is None
