"""How a volume is encrypted, as its zone tells it: in the rows, and by HTTP at two microversions."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.running import Running
from tests.unit.block_storage.test_volumes import made
from vregion.drivers.contract import Observed
from vregion.model.resource import Kind
from vregion.region import volumes
from vregion.region.regions import Region

FIXED = "00000000-0000-0000-0000-000000000000"
KEY = "9c2e3b1a-7f55-4c0e-8d7e-0a1b2c3d4e5f"
TOLD = {"encryption_key_id": KEY, "cipher": "aes-xts-plain64", "key_size": 256, "provider": "luks"}


@pytest.mark.parametrize(("key", "shown"), [(KEY, KEY), (FIXED, None)])
async def test_it_is_as_it_was_seen_last(region: Region, key: str, shown: str | None) -> None:
    async with region.write() as tx:
        volume = await made(tx)
        seen = {"status": "available", "size": 1, "attachments": [], "metadata": {}}
        told = TOLD | {"encryption_key_id": key}
        await volumes.settled(tx, volume, Observed("ext", seen | {"encrypted": True, "encryption": told}))
        volume = await volumes.get(tx, volume.id, "p1")
        document = volumes.document(volume)
        assert (document["encrypted"], document.get("encryption_key_id")) == (True, shown)
        assert volume.spec[volumes.ENCRYPTION] == told
        await volumes.settled(tx, volume, Observed("ext", seen | {"encrypted": False}))
        volume = await volumes.get(tx, volume.id, "p1")
        assert volumes.document(volume)["encrypted"] is False
        assert volumes.ENCRYPTION not in volume.spec


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = Running(tmp_path_factory.mktemp("vregion")).start()
    yield started
    started.stop()


def send(running: Running, method: str, path: str, body: Any = None, version: str = "3.70") -> requests.Response:
    url = f"{running.url}/block-storage/v3/{running.tenants['acme'].project_id}{path}"
    headers = {"X-Auth-Token": running.tokens["member"], "OpenStack-API-Version": f"volume {version}"}
    return requests.request(method, url, json=body, headers=headers, timeout=60)


def test_by_http(running: Running) -> None:
    cloud = running.clouds["az1"]
    made = send(running, "POST", "/volumes", {"volume": {"size": 1, "availability_zone": "az1"}}).json()["volume"]
    path, end = f"/volumes/{made['id']}", time.monotonic() + 30
    while send(running, "GET", path).json()["volume"]["status"] != "available":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert send(running, "GET", f"{path}/encryption").json() == {"encryption_key_id": None}
    assert send(running, "GET", f"{path}/encryption/cipher").content == b""
    (row,) = cloud.of(Kind.VOLUME)
    cloud.change_behind_back(Kind.VOLUME, row.id, {"encrypted": True, "encryption": TOLD})
    send(running, "PUT", path, {"volume": {"name": "looked at"}})
    while not (shown := send(running, "GET", path).json()["volume"])["encrypted"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert shown["encryption_key_id"] == KEY
    assert "encryption_key_id" not in send(running, "GET", path, version="3.63").json()["volume"]
    assert send(running, "GET", f"{path}/encryption").json() == TOLD
    assert send(running, "GET", f"{path}/encryption/cipher").text == "aes-xts-plain64"
