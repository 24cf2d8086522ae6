"""Microversions on the lab: what a create needs chooses one, and what no one has is said by name."""

import base64
import uuid
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.drivers.bench import Bench, Ground
from tests.drivers.conftest import LAB_REGION, lab_access
from vregion.drivers.contract import Unsupported
from vregion.drivers.openstack import OpenStackDriver
from vregion.drivers.openstack.service import COMPUTE
from vregion.model.microversion import Microversion
from vregion.model.resource import Kind

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def old(lab_driver: OpenStackDriver, newest: str) -> OpenStackDriver:
    """A driver of a cloud whose Nova ends at that microversion."""
    driver = OpenStackDriver(*lab_access(LAB_REGION), session=lab_driver.network.session._client)
    driver.compute.kind = replace(COMPUTE, newest=Microversion.parse(newest))
    return driver


@pytest.mark.parametrize("newest", ["2.51"])
async def test_a_cloud_without_tags_at_boot(old: OpenStackDriver, lab_ground: Ground) -> None:
    """The mark is metadata then: hidden, kept by an update, and found."""
    servers, mark, bench = old.collections[Kind.SERVER], str(uuid.uuid4()), Bench(old)
    try:
        server = await bench.ready(Kind.SERVER, lab_ground.server(metadata={"a": "b"}, description="old"), mark)
        assert server.document["metadata"] == {"a": "b"}
        changed = await servers.update(server.external_id, {"metadata": {"c": "d"}})
        assert changed.document["metadata"] == {"c": "d"}
        found = await servers.find(mark)
        assert found is not None
        assert found.external_id == server.external_id
    finally:
        await bench.clear()


@pytest.mark.parametrize(
    ("newest", "fields", "capability"),
    [
        ("2.89", {"hostname": "suite"}, "server.hostname "),
        ("2.93", {"hostname": "suite.example.org"}, "server.hostname.fqdn"),
        ("2.51", {"tags": ["a"]}, "server.tags"),
        ("2.18", {"description": "a"}, "server.description"),
        ("2.36", {"networks": "none"}, "server.networks.none"),
        ("2.41", {"networks": [{"port": "x", "tag": "nic"}]}, "server.device_tags"),
        ("2.66", {"block_device_mapping_v2": [{"volume_type": "x"}]}, "server.block_device.volume_type"),
    ],
)
async def test_what_an_old_cloud_cannot_do_is_said(
    old: OpenStackDriver, fields: dict[str, Any], capability: str
) -> None:
    """By name, and before anything is sent."""
    with pytest.raises(Unsupported, match=capability):
        await old.collections[Kind.SERVER].create(str(uuid.uuid4()), {"name": "suite", "networks": [], **fields})


async def test_files_choose_the_microversion(lab_driver: OpenStackDriver, lab_bench: Bench, lab_ground: Ground) -> None:
    """Files ended at 2.56; a server with them is made there, mark and all."""
    file = {"path": "/etc/suite", "contents": base64.b64encode(b"suite").decode()}
    mark = str(uuid.uuid4())
    server = await lab_bench.ready(Kind.SERVER, lab_ground.server(personality=[file]), mark)
    found = await lab_driver.collections[Kind.SERVER].find(mark)
    assert found is not None
    assert found.external_id == server.external_id


async def test_an_api_that_ended_is_still_called(
    lab_driver: OpenStackDriver, lab_bench: Bench, lab_ground: Ground
) -> None:
    """removeFixedIp ended at 2.43 and is accepted there; newer Novas know no such action."""
    server = await lab_bench.ready(Kind.SERVER, lab_ground.server())
    body = {"removeFixedIp": {"address": "192.0.2.1"}}
    answer = await lab_driver.call(Kind.SERVER, server.external_id, "POST", "/action", body)
    assert answer.status == 202
    newest = await lab_driver.compute.exchange("POST", f"/servers/{server.external_id}/action", body)
    assert newest.status == 404
