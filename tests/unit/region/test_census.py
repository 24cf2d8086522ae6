"""What holds a zone back and what does not."""

from datetime import timedelta

from tests.unit.region.rows import NOON, resource
from vregion.model.resource import Kind, Resource, State
from vregion.region import census, leases, realizations, resources
from vregion.region.regions import Region


async def there(region: Region, row: Resource, *backends: str, state: State = State.READY) -> Resource:
    """A resource that is on these backends."""
    async with region.write() as tx:
        await resources.insert_resource(tx, row)
        for backend_id in backends:
            await realizations.want(tx, row.kind, row.id, backend_id, NOON)
            (claim,) = await leases.claim(tx, "me", backend_id, NOON, timedelta(seconds=60), 10)
            await leases.finish(tx, claim.realization, None, state=state, external_id="there")
    return row


def words(row: Resource) -> str:
    return f"{row.kind.value.replace('_', ' ')} {row.name} ({row.id})"


async def test_what_is_there_for_its_own_sake_holds_a_zone_back(region: Region) -> None:
    volume = await there(region, resource(Kind.VOLUME), "b1")
    await there(region, resource(Kind.VOLUME), "b2")
    await there(region, resource(Kind.KEYPAIR), "b1")
    assert await census.on_backend(region, "b1") == [words(volume)]
    assert await census.clear(region, "b1", NOON) != []
    async with region.read() as tx:
        kept = await realizations.on_backend(tx, Kind.VOLUME, volume.id, "b1")
    assert kept is not None
    assert kept.wanted


async def test_what_is_on_its_way_out_is_waited_for(region: Region) -> None:
    volume = await there(region, resource(Kind.VOLUME), "b1")
    async with region.write() as tx:
        await resources.change(tx, volume, deleting=True)
        await realizations.unwant(tx, Kind.VOLUME, volume.id, NOON)
    assert await census.on_backend(region, "b1") == await census.in_region(region) == []
    assert await census.clear(region, "b1", NOON) == [words(volume)]


async def test_an_image_holds_the_zone_back_that_alone_has_it(region: Region) -> None:
    copied = await there(region, resource(Kind.IMAGE), "b1", "b2")
    alone = await there(region, resource(Kind.IMAGE), "b1")
    assert await census.on_backend(region, "b1") == [words(alone)]
    assert await census.on_backend(region, "b2") == []
    assert await census.clear(region, "b2", NOON) == [words(copied)]
    async with region.read() as tx:
        first, second = [await realizations.on_backend(tx, Kind.IMAGE, copied.id, b) for b in ("b1", "b2")]
    assert first is not None
    assert second is not None
    assert (first.wanted, second.wanted) == (True, False)
    assert set(await census.on_backend(region, "b1")) == {words(alone), words(copied)}


async def test_a_default_group_is_nothing_that_a_tenant_has(region: Region) -> None:
    await there(region, resource(Kind.SECURITY_GROUP, spec={"default": True}), "b1")
    own = await there(region, resource(Kind.SECURITY_GROUP, spec={"default": False}))
    assert await census.in_region(region) == [words(own)]
    assert await census.on_backend(region, "b1") == []
