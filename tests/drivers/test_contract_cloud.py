"""A cloud as a whole: what it offers, what it says when it cannot be reached, and projects in it."""

import uuid

import pytest

from tests.drivers.bench import Bench, Cloud
from vregion.drivers.contract import Driver, Flavor, Permanent, Transient
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_check_names_what_is_there(driver: Driver) -> None:
    """Services with versions, capabilities and limits; nothing that vregion needs is missing."""
    report = await driver.check()
    assert {"compute", "network", "image"} <= report.services.keys()
    assert report.services["compute"]["version"].startswith("v2")
    assert report.capabilities
    assert all(isinstance(value, int) for value in report.limits.values())
    assert list(report.missing) == []


async def test_room_counts_what_is_made(driver: Driver, bench: Bench) -> None:
    """Limits and usage of the project; a volume takes one of the number, and its size."""
    before = await driver.room()
    assert before.keys() == {"instances", "cores", "ram", "volumes", "gigabytes"}
    assert all(most >= -1 and used >= 0 for most, used in before.values())
    await bench.ready(Kind.VOLUME, {"name": "suite", "size": 2})
    after = await driver.room()
    assert (after["volumes"][1], after["gigabytes"][1]) == (before["volumes"][1] + 1, before["gigabytes"][1] + 2)
    assert {name: most for name, (most, _) in after.items()} == {name: most for name, (most, _) in before.items()}


async def test_flavors_are_what_they_are(driver: Driver) -> None:
    """At least one, each with an id of its own and a size."""
    flavors = await driver.flavors()
    assert len({flavor.external_id for flavor in flavors}) == len(flavors) > 0
    assert all(flavor.vcpus > 0 and flavor.ram > 0 for flavor in flavors)


async def test_a_flavor_is_made_by_an_administrator(cloud: Cloud) -> None:
    """With its extra specs; a second of that name is refused."""
    wanted = Flavor("", f"suite-{uuid.uuid4()}", 7, 1 << 16, 9, extra_specs={"vregion:suite": "yes"})
    made = await cloud.admin.create_flavor(wanted)
    try:
        assert made in await cloud.admin.flavors()
        assert made in await cloud.driver.flavors()
        assert (made.name, made.vcpus, made.ram, made.extra_specs) == (wanted.name, 7, 1 << 16, wanted.extra_specs)
        with pytest.raises(Permanent) as refusal:
            await cloud.admin.create_flavor(wanted)
        assert refusal.value.status == 409
    finally:
        await cloud.remove_flavor(made.external_id)


@pytest.mark.lab
@pytest.mark.parametrize("cloud", ["openstack"], indirect=True)
async def test_a_plain_credential_makes_neither_flavors_nor_projects(driver: Driver) -> None:
    """403 in both cases."""
    with pytest.raises(Permanent) as refusal:
        await driver.create_flavor(Flavor("", f"suite-{uuid.uuid4()}", 1, 64, 0))
    assert refusal.value.status == 403
    with pytest.raises(Permanent) as refusal:
        await driver.project_open("suite", str(uuid.uuid4()))
    assert refusal.value.status == 403


async def test_a_project_is_opened_once(cloud: Cloud) -> None:
    """The credential works at once; a second opening leads to the same project; after the end it opens nothing."""
    mark = str(uuid.uuid4())
    network = str(uuid.uuid4())
    try:
        first = cloud.open(await cloud.admin.project_open(f"suite-{mark}", mark))
        await first.collections[Kind.NETWORK].create(network, {"name": "suite"})
        values = await cloud.admin.project_open(f"suite-{mark}", mark)
        again = cloud.open(values)
        found = await again.collections[Kind.NETWORK].find(network)
        assert found is not None
        assert await cloud.driver.collections[Kind.NETWORK].find(network) is None
        await again.collections[Kind.NETWORK].delete(found.external_id)
    finally:
        await cloud.admin.project_close(mark)
    with pytest.raises(Transient) as refusal:
        await cloud.open(values).collections[Kind.NETWORK].find(network)
    assert refusal.value.reachable
    await cloud.admin.project_close(mark)


@pytest.mark.parametrize("kind", [Kind.SERVER, Kind.NETWORK, Kind.IMAGE, Kind.VOLUME], ids=str)
async def test_nobody_answers(kind: Kind, cloud: Cloud) -> None:
    """Every call of a cloud that is not there is transient, and says that nothing answered; never gone."""
    unknown = str(uuid.uuid4())
    things = cloud.unreachable.collections[kind]
    for call in (
        things.create(unknown, {"name": "suite"}),
        things.get(unknown),
        things.find(unknown),
        things.update(unknown, {"name": "suite"}),
        things.delete(unknown),
        cloud.unreachable.call(kind, unknown, "GET"),
        cloud.unreachable.changes(Kind.SERVER, None),
        cloud.unreachable.flavors(),
        cloud.unreachable.check(),
        cloud.unreachable.room(),
    ):
        with pytest.raises(Transient) as trouble:
            await call
        assert not trouble.value.reachable
