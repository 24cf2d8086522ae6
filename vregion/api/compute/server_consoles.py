"""A server's consoles: the zone's own URLs, asked for when they are wanted and kept nowhere."""

from typing import Any

from vregion.api.compute.requests import body
from vregion.api.compute.server_calls import ask, found
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute.server_actions import REMOTE_CONSOLE
from vregion.model.resource import Resource

routes = Routes()
_RULE = "os_compute_api:os-remote-consoles"
RULES = {_RULE: "member"}


@routes.post("/servers/{id}/remote-consoles", policy=_RULE, since="2.6")
async def create(call: Call) -> Reply:
    """Any protocol that the zone has."""
    wanted = body(call, REMOTE_CONSOLE)
    server = await found(call)
    answer = await ask(call, server, "get_console", ("POST", "/remote-consoles", wanted))
    return Reply(answer.body, answer.status)


async def vnc(call: Call, server: Resource, given: Any) -> Reply:
    """os-getVNCConsole, which ended with 2.5: zones of today have remote-consoles alone."""
    return await _older(call, server, "vnc", given["type"])


async def spice(call: Call, server: Resource, given: Any) -> Reply:
    """os-getSPICEConsole."""
    return await _older(call, server, "spice", given["type"])


async def serial(call: Call, server: Resource, given: Any) -> Reply:
    """os-getSerialConsole."""
    return await _older(call, server, "serial", given["type"])


async def _older(call: Call, server: Resource, protocol: str, kind: str) -> Reply:
    wanted = {"remote_console": {"protocol": protocol, "type": kind}}
    answer = await ask(call, server, f"get_{protocol}_console", ("POST", "/remote-consoles", wanted))
    console = (answer.body or {})["remote_console"]
    return Reply({"console": {"type": console["type"], "url": console["url"]}}, 200)
