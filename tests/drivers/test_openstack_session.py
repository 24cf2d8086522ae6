"""A session on the lab: tokens, endpoints that are not what they should be, silence."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest

from tests.drivers.conftest import LAB_REGION, lab_access
from vregion.drivers.contract import Transient, Unsupported
from vregion.drivers.openstack import OpenStackDriver, request_id
from vregion.drivers.openstack.session import Session
from vregion.model.backend import Credential
from vregion.model.resource import Kind

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Counts how often sessions ask Keystone for a token."""
    counted: list[None] = []
    original = Session._authenticate

    async def counting(session: Session) -> object:
        counted.append(None)
        return await original(session)

    monkeypatch.setattr(Session, "_authenticate", counting)
    return counted


async def test_one_token_for_all(lab_driver: OpenStackDriver, logins: list[None]) -> None:
    """Refused, ended or not there yet: many wait for one new token."""
    networks = lab_driver.collections[Kind.NETWORK]
    token = await lab_driver.network.session.token()
    logins.clear()
    for spoiled in (replace(token, value="refused"), replace(token, renew_at=0.0), None):
        lab_driver.network.session._token = spoiled
        found = await asyncio.gather(*(networks.find("nobody") for _ in range(8)))
        assert found == [None] * 8
        assert len(logins) == 1
        logins.clear()


async def test_a_wrong_password_may_come_right(lab_driver: OpenStackDriver) -> None:
    """The cloud answers, so that it is reachable; nothing is said about the resource."""
    backend, credential = lab_access(LAB_REGION)
    wrong = OpenStackDriver(backend, Credential({**credential.values, "password": "wrong"}))
    try:
        with pytest.raises(Transient) as trouble:
            await wrong.collections[Kind.SERVER].get(str(uuid.uuid4()))
        assert trouble.value.reachable
    finally:
        await wrong.close()


@pytest.mark.parametrize("kind", [Kind.SERVER, Kind.VOLUME, Kind.NETWORK, Kind.IMAGE], ids=str)
async def test_a_wrong_endpoint_ends_nothing(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keystone's HTML 404 in place of the service: neither gone nor deleted nor absent."""
    backend, credential = lab_access(LAB_REGION)
    lost = OpenStackDriver(backend, credential)

    async def elsewhere(session: Session, types: object) -> str:
        return session.auth_url.removesuffix("/v3") + "/nothing/here"

    monkeypatch.setattr(Session, "endpoint", elsewhere)
    things, unknown = lost.collections[kind], str(uuid.uuid4())
    try:
        for call in (
            things.get(unknown),
            things.delete(unknown),
            things.find(unknown),
            lost.call(kind, unknown, "GET"),
        ):
            with pytest.raises(Transient):
                await call
    finally:
        await lost.close()


async def test_a_region_without_the_service() -> None:
    """Named, for good."""
    backend, credential = lab_access(LAB_REGION)
    driver = OpenStackDriver(replace(backend, region_name="nowhere"), credential)
    try:
        with pytest.raises(Unsupported, match="compute"):
            await driver.collections[Kind.SERVER].find("nobody")
        assert len((await driver.check()).missing) >= 4
    finally:
        await driver.close()


async def test_silence_is_unreachable() -> None:
    """A port that takes the connection and says nothing: given up after the time limit."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    backend, credential = lab_access(LAB_REGION)
    driver = OpenStackDriver(replace(backend, address=f"http://127.0.0.1:{port}/v3"), credential, timeout=0.3)
    try:
        with pytest.raises(Transient) as trouble:
            await driver.collections[Kind.SERVER].get("x")
        assert not trouble.value.reachable
    finally:
        await driver.close()
        listener.close()
        await listener.wait_closed()


async def test_the_request_id_goes_along(lab_driver: OpenStackDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is set where the call begins, as the services' global request id."""
    sent: list[str | None] = []
    original = lab_driver.network.session._client._request

    async def watching(method: str, url: str, **options: Any) -> Any:
        sent.append(options["headers"].get("X-OpenStack-Request-ID"))
        return await original(method, url, **options)

    monkeypatch.setattr(lab_driver.network.session._client, "_request", watching)
    mine = f"req-{uuid.uuid4()}"
    token = request_id.set(mine)
    try:
        await lab_driver.collections[Kind.NETWORK].find("nobody")
    finally:
        request_id.reset(token)
    await lab_driver.collections[Kind.NETWORK].find("nobody")
    assert sent[0] == mine
    assert sent[-1] is None
