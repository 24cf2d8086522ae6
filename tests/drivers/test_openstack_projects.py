"""Projects on the lab: opened by an administrator or a domain manager, closed without a trace, limited by quotas."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.drivers.bench import Bench, Ground
from tests.drivers.conftest import LAB_REGION, lab_access
from vregion.drivers.contract import Exhausted, Transient
from vregion.drivers.openstack import OpenStackDriver
from vregion.drivers.openstack.faults import Reply
from vregion.drivers.openstack.session import Session
from vregion.model.backend import Credential
from vregion.model.resource import Kind

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def poor(lab_admin: OpenStackDriver) -> AsyncIterator[OpenStackDriver]:
    """A project that may have nothing."""
    mark = str(uuid.uuid4())
    backend, _ = lab_access(LAB_REGION)
    opened = OpenStackDriver(backend, Credential(dict(await lab_admin.project_open(f"suite-{mark}", mark))))
    try:
        project = (await opened.network.session.token()).project_id
        nothing: dict[str, int] = {"network": 0, "security_group": 1}
        await lab_admin.network.send("PUT", f"/quotas/{project}", {"quota": nothing})
        await lab_admin.volume.send("PUT", f"/os-quota-sets/{project}", {"quota_set": {"volumes": 0}})
        await lab_admin.compute.send("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 0}})
        yield opened
    finally:
        await opened.close()
        await lab_admin.project_close(mark)


async def test_quotas_that_are_used_up(poor: OpenStackDriver, lab_ground: Ground, lab_admin: OpenStackDriver) -> None:
    """Nova, Cinder and Neutron say it each in their way."""
    image = (await lab_admin.image.send("GET", "/images", params=[("visibility", "public")])).part("images")[0]["id"]
    bodies: dict[Kind, dict[str, Any]] = {
        Kind.NETWORK: {"name": "suite"},
        Kind.VOLUME: {"name": "suite", "size": 1},
        Kind.SERVER: lab_ground.server(imageRef=image),
    }
    for kind, body in bodies.items():
        with pytest.raises(Exhausted):
            await poor.collections[kind].create(str(uuid.uuid4()), body)


async def test_a_new_project_costs_keystone_five_calls(
    lab_admin: OpenStackDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Project, user, role, sign-in, application credential; what is new is not looked for."""
    asked: list[str] = []
    request = Session._request

    async def counted(self: Session, method: str, url: str, *more: Any) -> Reply:
        if url.startswith(lab_admin.identity.session.auth_url):
            asked.append(method)
        return await request(self, method, url, *more)

    monkeypatch.setattr(Session, "_request", counted)
    for first in (True, False):
        mark = str(uuid.uuid4())
        asked.clear()
        try:
            await lab_admin.project_open(f"suite-{mark}", mark, new=True)
            assert first or sorted(asked) == ["POST", "POST", "POST", "POST", "PUT"]
        finally:
            await lab_admin.project_close(mark)


async def test_a_project_leaves_nothing(lab_admin: OpenStackDriver) -> None:
    """Half-open and opened again, with quotas off; closed, neither project, user nor Neutron's own group are left."""
    mark = str(uuid.uuid4())
    tagged = [("tags", f"vregion:{mark}")]
    project = {"name": f"suite-{mark}", "domain_id": "default", "tags": [f"vregion:{mark}"]}
    half = (await lab_admin.identity.send("POST", "/projects", {"project": project})).part("project")["id"]
    backend, _ = lab_access(LAB_REGION)
    opened = OpenStackDriver(backend, Credential(dict(await lab_admin.project_open(f"suite-{mark}", mark))))
    assert (await opened.network.session.token()).project_id == half
    limits = (await opened.check()).limits
    quotas = {limits[f"{name}"] for name in ("compute.maxTotalKeypairs", "volume.maxTotalBackups", "network.port")}
    assert quotas == {-1}
    bench = Bench(opened)
    await bench.make(Kind.NETWORK, {"name": "suite"})
    await bench.clear()
    await opened.close()
    await lab_admin.project_close(mark)
    assert (await lab_admin.identity.send("GET", "/projects", params=tagged)).part("projects") == []
    users = await lab_admin.identity.send("GET", "/users", params=[("name", f"vregion:{mark}")])
    assert users.part("users") == []
    groups = (await lab_admin.network.send("GET", "/security-groups", params=[("fields", "project_id")])).part(
        "security_groups"
    )
    assert {"project_id": half} not in groups, "asked without a filter, because that would make the group again"


@pytest_asyncio.fixture(loop_scope="module")
async def domain_manager(lab_admin: OpenStackDriver) -> AsyncIterator[OpenStackDriver]:
    """A user who manages the domain and is no administrator."""
    found = (await lab_admin.identity.send("GET", "/roles", params=[("name", "manager")])).part("roles")
    body = {"name": f"suite-{uuid.uuid4()}", "password": "suite-pass", "domain_id": "default"}
    user = (await lab_admin.identity.send("POST", "/users", {"user": body})).part("user")["id"]
    await lab_admin.identity.send("PUT", f"/domains/default/users/{user}/roles/{found[0]['id']}")
    backend, _ = lab_access(LAB_REGION)
    driver = OpenStackDriver(backend, Credential({"user_id": user, "password": "suite-pass", "domain_id": "default"}))
    try:
        yield driver
    finally:
        await driver.close()
        await lab_admin.identity.send("DELETE", f"/users/{user}")


async def test_a_domain_manager_opens_projects(domain_manager: OpenStackDriver, lab_admin: OpenStackDriver) -> None:
    """Without the right to set quotas; the check says what he can do."""
    report = await domain_manager.check()
    assert "project.open" in report.capabilities
    assert "flavor.create" not in report.capabilities
    assert report.limits == {}
    mark = str(uuid.uuid4())
    backend, _ = lab_access(LAB_REGION)
    try:
        credential = Credential(dict(await domain_manager.project_open(f"suite-{mark}", mark)))
        await domain_manager.project_close(mark)
        opened = OpenStackDriver(backend, credential)
        with pytest.raises(Transient, match="Could not find Application Credential"):
            await opened.collections[Kind.NETWORK].find("nobody")
        await opened.close()
    finally:
        await lab_admin.project_close(mark)
