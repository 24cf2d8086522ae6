"""Hints reach a zone by its own ids, and only what they name there."""

from tests.unit.block_storage.test_volumes import made
from tests.unit.image.clouds import CALLER, ZONES, now
from vregion.model.resource import Kind
from vregion.reconcile.volumes import body
from vregion.region import realizations, volume_creates
from vregion.region.regions import Region


async def test_a_zone_is_told_of_what_it_has(region: Region) -> None:
    async with region.write() as tx:
        here, away = await made(tx), await made(tx, availability_zone="az2")
        hints = {"different_host": [here.id, away.id, "nobody"], "same_host": away.id, "query": "[]"}
        wanted = {"size": 1, "availability_zone": "az1", "scheduler_hints": hints}
        volume = await volume_creates.create(tx, CALLER, wanted, ZONES, now())
        assert (await realizations.needed(tx, volume, "b1")).keys() == {(Kind.VOLUME, here.id)}
    told = body(volume, {(Kind.VOLUME, here.id): "ext-here"})["OS-SCH-HNT:scheduler_hints"]
    assert told == {"query": "[]", "different_host": ["ext-here"]}


async def test_one_id_that_names_nothing_here_is_no_hint(region: Region) -> None:
    async with region.write() as tx:
        wanted = {"size": 1, "scheduler_hints": {"local_to_instance": "11111111-1111-4111-8111-111111111111"}}
        volume = await volume_creates.create(tx, CALLER, wanted, ZONES, now())
    assert "OS-SCH-HNT:scheduler_hints" not in body(volume, {})
