"""The provider's REST API over HTTP, with a real Keystone: who may, what is valid, and that no secret comes back."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette

from tests.embedded_keystone import ADMIN_PASSWORD, RunningKeystone
from tests.unit.provider.conftest import Regions
from vregion.directory.sealing import Keys
from vregion.drivers.memory import MemoryCloud
from vregion.identity.client import Identity, PasswordCredential
from vregion.provider import api
from vregion.provider.access import provider_only
from vregion.provider.provider import Provider

SECRET = "correct-horse-battery-staple"


@dataclass(frozen=True)
class Served:
    """The API on a port of its own, and a token of the provider's admin."""

    url: str
    token: str

    async def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        sent = {"X-Auth-Token": self.token if token is None else token}
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, f"{self.url}/provider/v1{path}", json=body, headers=sent) as response,
        ):
            raw = await response.read()
            return response.status, await response.json() if raw else None


@pytest_asyncio.fixture
async def admin_token(keystone: RunningKeystone) -> str:
    user = {"name": "admin", "domain": {"id": "default"}, "password": ADMIN_PASSWORD}
    how = {"methods": ["password"], "password": {"user": user}}
    return await keystone.sign_in(how, {"project": {"name": "admin", "domain": {"id": "default"}}})


@pytest_asyncio.fixture
async def served(provider: Provider, admin_token: str) -> AsyncIterator[Served]:
    routes = api.routes(provider, provider_only(provider.identity, "admin"), 1 << 16)
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(f"http://127.0.0.1:{port}", admin_token)
    server.should_exit = True
    await serving


@pytest.fixture
def backend() -> dict[str, Any]:
    address = f"memory://{uuid.uuid4().hex}"
    return {"name": "north", "driver": "memory", "address": address, "credential": {"project": "p", "key": SECRET}}


async def test_everything_once(served: Served, backend: dict[str, Any], regions: Regions, name: str) -> None:
    status, added = await served.ask("POST", "/backends", backend)
    assert (status, added["state"], added["lacking_flavors"]) == (201, "ready", {})
    flavor = {"id": "f1", "name": "v.small", "vcpus": 1, "ram": 2048, "disk": 20}
    status, shown = await served.ask("POST", "/flavors", flavor)
    assert status == 201
    assert flavor.items() <= shown.items()
    status, opened = await served.ask("POST", "/tenants", {"name": name})
    assert status == 201
    assert (opened["state"], len(opened["admin_password"])) == ("open", 24)
    assert [(z["availability_zone"], z["backend"]) for z in opened["zones"]] == [("north", "north")]
    status, tenant = await served.ask("GET", f"/tenants/{name}")
    assert status == 200
    assert "admin_password" not in tenant
    assert tenant.items() <= opened.items()
    assert (await served.ask("GET", "/tenants?limit=1"))[1]["tenants"][0]["name"] == name
    assert (await served.ask("GET", f"/tenants?marker={name}"))[1] == {"tenants": []}
    assert (await served.ask("DELETE", "/backends/north"))[0] == 409
    status, drained = await served.ask("POST", f"/tenants/{name}/zones/north/drain")
    assert (status, drained["state"]) == (200, "draining")
    status, bound = await served.ask("PUT", f"/tenants/{name}/zones/north", {"backend": "north", "default": True})
    assert (status, bound["state"], bound["default"]) == (200, "enabled", True)
    regions.held[tenant["region_id"], added["id"]] = ["server web1"]
    status, refused = await served.ask("DELETE", f"/tenants/{name}/zones/north")
    assert (status, refused) == (409, {"error": {"code": 409, "message": "Zone north is in use by: server web1."}})
    regions.held.clear()
    assert await served.ask("DELETE", f"/tenants/{name}/zones/north") == (204, None)
    assert (await served.ask("GET", f"/tenants/{name}/zones"))[1] == {"zones": []}
    MemoryCloud.at(backend["address"]).faults.down = True
    status, checked = await served.ask("POST", "/backends/north/check")
    assert (status, checked["state"]) == (200, "unreachable")
    assert (await served.ask("GET", "/flavors"))[1]["flavors"][0]["lacking"] == {}
    given = f"/tenants/{name}/flavors"
    assert (await served.ask("PUT", f"{given}/f1"))[0] == 404  # it is public
    secret = flavor | {"id": "f2", "name": "v.secret", "is_public": False}
    assert (await served.ask("POST", "/flavors", secret))[0] == 201
    assert await served.ask("PUT", f"{given}/f2") == (204, None)
    assert [f["tenants"] for f in (await served.ask("GET", "/flavors"))[1]["flavors"]] == [[], [name]]
    assert await served.ask("DELETE", f"{given}/f2") == (204, None)
    assert (await served.ask("DELETE", f"{given}/f2"))[0] == 404
    assert (await served.ask("PUT", "/tenants/nobody/flavors/f2"))[0] == 404
    assert await served.ask("DELETE", "/flavors/f2") == (204, None)
    assert await served.ask("DELETE", f"/tenants/{name}") == (204, None)
    assert await served.ask("DELETE", "/backends/north") == (204, None)
    assert await served.ask("DELETE", "/flavors/f1") == (204, None)
    assert (await served.ask("GET", f"/tenants/{name}"))[0] == 404


async def test_no_credential_ever_comes_back(served: Served, backend: dict[str, Any], name: str) -> None:
    answers = [await served.ask("POST", "/backends", backend)]
    given = {"backend": "north", "availability_zone": "az1", "credential": backend["credential"]}
    answers.append(await served.ask("POST", "/tenants", {"name": name, "admin_password": SECRET, "zones": [given]}))
    assert [status for status, _ in answers] == [201, 201]
    for path in ("/backends", "/backends/north", "/tenants", f"/tenants/{name}", f"/tenants/{name}/zones"):
        answers.append(await served.ask("GET", path))
    wrong = [
        {**backend, "credential": {"project": [SECRET]}},
        {**backend, "credential": SECRET},
        {**backend, "driver": "openstack", "credential": {"username": SECRET}},
        {**backend, "name": SECRET + " "},
    ]
    refused = [await served.ask("POST", "/backends", body) for body in wrong]
    refused.append(await served.ask("POST", "/tenants", {"name": "x", "admin_password": SECRET * 9}))
    assert {status for status, _ in refused} == {400}
    assert SECRET not in str(answers + refused)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/backends", {}, "is a required property"),
        ("/backends", [], "is not of type"),
        ("/tenants", {"name": "a b"}, "name: "),
        ("/tenants", {"name": "x" * 65}, "name: "),
        ("/tenants", {"name": "x", "size": 1}, "'size' was unexpected"),
        ("/flavors", {"name": "x", "vcpus": 0, "ram": 1, "disk": 0}, "vcpus: "),
        ("/flavors", {"name": "x", "vcpus": 1, "ram": 1 << 31, "disk": 0}, "ram: "),
        ("/flavors", {"name": "x", "vcpus": 1, "ram": 1, "disk": 0, "extra_specs": {"a/b": "c"}}, "extra_specs"),
    ],
)
async def test_a_wrong_body_is_told_where(served: Served, path: str, body: Any, words: str) -> None:
    status, answer = await served.ask("POST", path, body)
    assert (status, answer["error"]["code"]) == (400, 400)
    assert words in answer["error"]["message"]


async def test_the_edges_of_http(served: Served) -> None:
    assert (await served.ask("POST", "/flavors", {"name": "x" * (1 << 17)}))[0] == 413
    assert (await served.ask("GET", "/nothing"))[1]["error"]["code"] == 404
    assert (await served.ask("PATCH", "/backends"))[1]["error"]["code"] == 404
    assert (await served.ask("GET", "/backends/nowhere"))[0] == 404
    assert (await served.ask("GET", "/tenants?limit=x"))[0] == 400
    assert (await served.ask("PUT", "/tenants/nobody/zones/a%20b", {"backend": "x"}))[0] == 400
    async with (
        aiohttp.ClientSession(headers={"X-Auth-Token": served.token}) as http,
        http.post(f"{served.url}/provider/v1/flavors", data=b"{") as response,
    ):
        assert (await response.json())["error"] == {"code": 400, "message": "The body is not JSON."}


async def test_only_the_provider_s_admin_may(served: Served, keystone: RunningKeystone) -> None:
    tenant = await keystone.open_tenant()
    tokens = [await keystone.token(tenant, scope) for scope in ("project", "domain", "unscoped")]
    assert [(await served.ask("GET", "/tenants", token=token))[0] for token in tokens] == [403, 403, 403]
    assert [(await served.ask("GET", "/tenants", token=token))[0] for token in ("", "garbage")] == [401, 401]


async def test_an_admin_of_another_project_may_not(served: Served, keystone: RunningKeystone) -> None:
    tenant = await keystone.open_tenant()
    async with keystone.admin() as identity:
        roles = {role["name"]: role["id"] for role in (await identity.request("GET", "/roles"))["roles"]}
        grant = f"/projects/{tenant.project_id}/users/{tenant.admin_id}/roles/{roles['admin']}"
        await identity.request("PUT", grant)
    assert (await served.ask("GET", "/tenants", token=await keystone.token(tenant)))[0] == 403


async def test_without_keystone_nobody_may(provider: Provider, admin_token: str) -> None:
    async with Identity("http://127.0.0.1:1/v3", PasswordCredential("admin", "x")) as nowhere:
        app = Starlette(routes=api.routes(provider, provider_only(nowhere, "admin"), 1 << 16))
        answer: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            answer.append(message)

        headers = [(b"x-auth-token", admin_token.encode())]
        scope = {"type": "http", "method": "GET", "path": "/provider/v1/tenants", "headers": headers}
        await app({**scope, "query_string": b"", "root_path": ""}, receive, send)
        assert answer[0]["status"] == 503


async def test_a_wrong_key_fails_closed(served: Served, provider: Provider, backend: dict[str, Any]) -> None:
    assert (await served.ask("POST", "/backends", backend))[0] == 201
    provider.directory.keys = Keys("k", {"k": b"0" * 32})
    status, answer = await served.ask("POST", "/backends/north/check")
    assert (status, answer["error"]["code"]) == (500, 500)
    assert "has not got" in answer["error"]["message"]
