"""The command line against the provider's API over HTTP and a real Keystone."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.embedded_keystone import ADMIN_PASSWORD, RunningKeystone
from tests.unit.provider.test_provider_api import Served
from tests.unit.provider.test_provider_api import admin_token as admin_token
from tests.unit.provider.test_provider_api import served as served
from vregion.cli import app
from vregion.drivers.memory import MemoryCloud
from vregion.provider.client import Failed

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def environ(served: Served, keystone: RunningKeystone) -> dict[str, str]:
    signed_in = {"OS_AUTH_URL": keystone.url, "OS_USERNAME": "admin", "OS_PASSWORD": ADMIN_PASSWORD}
    return {**signed_in, "VREGION_PUBLIC_URL": served.url, "COLUMNS": "200"}


@pytest.fixture
def run(environ: dict[str, str]) -> Run:
    """Run `vregion` with these arguments, in a thread as the server has the loop."""

    async def invoke(*arguments: str, stdin: str = "", **env: str | None) -> Result:
        chosen = {**environ, **env}
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, input=stdin, env=chosen)

    return invoke


async def _json(run: Run, *arguments: str) -> object:
    result = await run(*arguments, "-f", "json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


async def test_a_provider_s_day(run: Run, name: str, tmp_path: Path) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    add = ("backend", "add", "north", "--driver", "memory", "--address", address, "--credential", "project=p")
    assert "ready" in (await run(*add)).stdout
    assert (await run("flavor", "add", "v.[bold]small", "vcpus=1", "ram=2048", "disk=20", "--id", "f1")).exit_code == 0
    assert "v.[bold]small" in (await run("flavor", "list")).stdout
    password = tmp_path / "password"
    password.write_text("tenants-own-password\n")
    arguments = ("tenant", "open", name, "--zone", "az1=north", "--password-file", str(password))
    opened = await _json(run, *arguments)
    assert isinstance(opened, dict)
    assert opened["state"] == "open"
    assert "admin_password" not in opened
    assert [t["name"] for t in await _json(run, "tenant", "list")] == [name]  # type: ignore[attr-defined]
    zones = await run("zone", "list", name)
    assert all(word in zones.stdout for word in ("az1", "north", "enabled"))
    assert "draining" in (await run("zone", "drain", name, "az1")).stdout
    assert "enabled" in (await run("zone", "bind", name, "az1", "--backend", "north")).stdout
    refused = await run("backend", "remove", "north")
    assert isinstance(refused.exception, Failed)
    assert f"{name}/az1" in str(refused.exception)
    shown = await _json(run, "backend", "check", "north")
    assert isinstance(shown, dict)
    assert shown["state"] == "ready"
    assert name in (await run("tenant", "show", name)).stdout
    private = ("flavor", "add", "secret", "vcpus=1", "ram=1024", "disk=2", "--id", "f2", "--private")
    assert (await run(*private)).exit_code == 0
    for last in (
        ("flavor", "give", "f2", name),
        ("flavor", "take", "f2", name),
        ("flavor", "remove", "f2"),
        ("zone", "unbind", name, "az1"),
        ("tenant", "close", name),
        ("backend", "remove", "north"),
        ("flavor", "remove", "f1"),
    ):
        assert (await run(*last)).exit_code == 0
    assert await _json(run, "backend", "list") == await _json(run, "flavor", "list") == []
    assert MemoryCloud.at(address).projects == {}


async def test_secrets_come_from_files_standard_input_or_a_prompt_and_never_as_arguments(run: Run) -> None:
    add = ("backend", "add", "north", "--address", "http://127.0.0.1:1/v3", "--credential", "username=admin")
    for told in ("password=x", "application_credential_secret=x"):
        result = await run(*add, "--credential", told)
        assert isinstance(result.exception, Failed)
        assert "is no argument" in str(result.exception)
    # Both reach the API with a secret, which knows no driver of that name here.
    for more, stdin in ((("--password-file", "-"), "s3cret\n"), ((), "s3cret\n")):
        result = await run(*add, *more, stdin=stdin)
        assert "There is no driver openstack" in str(result.exception)
        assert "s3cret" not in result.output


async def test_signing_in(run: Run, served: Served) -> None:
    assert "OS_AUTH_URL" in str((await run("tenant", "list", OS_AUTH_URL=None)).exception)
    assert "requires authentication" in str((await run("tenant", "list", OS_PASSWORD="wrong")).exception)
    prompted = await run("tenant", "list", OS_PASSWORD=None, stdin=ADMIN_PASSWORD + "\n")
    assert prompted.exit_code == 0, prompted.exception
    assert (await run("tenant", "list", OS_TOKEN=served.token, OS_AUTH_URL=None)).exit_code == 0
    assert isinstance((await run("tenant", "list", VREGION_PUBLIC_URL="http://127.0.0.1:1")).exception, Failed)


async def test_the_script_ends_with_the_reason_and_status_1(environ: dict[str, str]) -> None:
    command = [sys.executable, "-c", "from vregion.cli import main; main()", "tenant", "show", "nobody"]
    ended = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Error: There is no tenant nobody.\n"
