"""POST /servers/{id}/action: one table of actions, each with its rule, its record's name and what carries it out.

Most are passed on as they are. Those that refer to things by id, or that the virtual region decides by itself, have
functions in `server_rebuilds`, `server_images`, `server_consoles`, `server_shelving` and here. What is refused is
so by the table of operations.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vregion.api import operations
from vregion.api.compute import (
    fixed_ips_proxy,
    floating_ips_proxy,
    server_consoles,
    server_images,
    server_rebuilds,
    server_shelving,
)
from vregion.api.compute.server_calls import ask, found, record
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute.server_actions import BODIES
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Resource
from vregion.region import ports, security_groups, servers

routes = Routes()
Run = Callable[[Call, Resource, Any], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Action:
    """`rule` without its prefix; `verb` is Nova's name of it in a 409; `recorded` in the instance actions, or not.

    `gone`: what Nova refuses whatever is asked of whichever server.
    """

    rule: str
    persona: str = "member"
    verb: str = ""
    recorded: str = ""
    run: Run | None = None
    until: Microversion | None = None
    since: Microversion | None = None
    gone: bool = False


_OPERATIONS = operations.table("compute")
_PATH = "/servers/{id}/action"
_OLD_CONSOLES = Microversion(2, 5)
_OLD_NETWORKS = Microversion(2, 43)


async def _force_delete(call: Call, server: Resource, given: Any) -> Reply:
    """Deletion is never deferred here, so that forcing it is deleting."""
    async with call.region.write() as tx:
        current = await servers.hold(tx, server.id, None)
        servers.require_unlocked(current, is_admin=call.caller.is_admin)
        await servers.delete(tx, call.caller, current, datetime.now(UTC))
    return Reply(None, 202)


async def _restore(call: Call, server: Resource, given: Any) -> Reply:
    raise servers.cannot(server, "restore")


def _refused(operation: operations.Operation) -> Action:
    """Nobody's by its rule; it runs for him alone whom a provider's policy file lets through."""

    async def run(call: Call, server: Resource, given: Any) -> Reply:
        operations.refuse(_OPERATIONS, _PATH, operation.action)

    rule, until = operation.rule.removeprefix("os_compute_api:"), Microversion.parse(operation.until)
    return Action(rule, "nobody", run=run, until=until, gone=operation.answer != 403)


def _security_group(*, add: bool) -> Run:
    async def change(call: Call, server: Resource, given: Any) -> Reply:
        """The ports are ours: their groups change here, and the zone hears of it."""
        name, now = given["name"], datetime.now(UTC)
        async with call.region.write() as tx:
            try:
                group = (await security_groups.resolve(tx, server.project_id, [name]))[0]
            except Invalid as unknown:
                words = f"Security group {name} is not found for project {server.project_id}"
                raise NotFound(words) from unknown
            plugged = [p for p in await ports.of_server(tx, server.id) if p.spec["port_security_enabled"]]
            if not plugged:
                raise NotFound(f"instance_id {server.id} could not be found as device id on any ports")
            having = [port for port in plugged if group.id in port.spec["security_groups"]]
            if not add and not having:
                words = f"Security group {name} not associated with the instance {server.id}"
                raise NotFound(words)
            for port in [p for p in plugged if p not in having] if add else having:
                others = [i for i in port.spec["security_groups"] if i != group.id]
                wanted = {"security_groups": [*others, group.id] if add else others}
                await ports.update(tx, call.caller, port.id, wanted, None, now)
            await servers.redraw(tx, server.id)
        return Reply(None, 202)

    return change


ACTIONS = {
    "os-start": Action("servers:start", verb="start", recorded="start"),
    "os-stop": Action("servers:stop", verb="stop", recorded="stop"),
    "reboot": Action("servers:reboot", recorded="reboot"),
    "resize": Action("servers:resize", run=server_rebuilds.resize),
    "confirmResize": Action("servers:confirm_resize", run=server_rebuilds.confirm),
    "revertResize": Action("servers:revert_resize", recorded="revertResize"),
    "rebuild": Action("servers:rebuild", run=server_rebuilds.rebuild),
    "trigger_crash_dump": Action(
        "servers:trigger_crash_dump", recorded="trigger_crash_dump", since=Microversion(2, 17)
    ),
    "createImage": Action("servers:create_image", run=server_images.create_image),
    "createBackup": Action("os-create-backup", run=server_images.create_backup),
    "pause": Action("os-pause-server:pause", recorded="pause"),
    "unpause": Action("os-pause-server:unpause", recorded="unpause"),
    "suspend": Action("os-suspend-server:suspend", recorded="suspend"),
    "resume": Action("os-suspend-server:resume", recorded="resume"),
    "lock": Action("os-lock-server:lock", recorded="lock"),
    "unlock": Action("os-lock-server:unlock", recorded="unlock"),
    "changePassword": Action("os-admin-password", recorded="changePassword"),
    "rescue": Action("os-rescue", run=server_rebuilds.rescue),
    "unrescue": Action("os-unrescue", recorded="unrescue"),
    "shelve": Action("os-shelve:shelve", recorded="shelve"),
    "shelveOffload": Action("os-shelve:shelve_offload", "admin", recorded="shelve"),
    "unshelve": Action("os-shelve:unshelve", run=server_shelving.unshelve),
    "os-getConsoleOutput": Action("os-console-output", verb="get_console_output"),
    "os-getVNCConsole": Action("os-remote-consoles", run=server_consoles.vnc, until=_OLD_CONSOLES),
    "os-getSPICEConsole": Action("os-remote-consoles", run=server_consoles.spice, until=_OLD_CONSOLES),
    "os-getSerialConsole": Action("os-remote-consoles", run=server_consoles.serial, until=_OLD_CONSOLES),
    "addSecurityGroup": Action("os-security-groups:add", run=_security_group(add=True)),
    "removeSecurityGroup": Action("os-security-groups:remove", run=_security_group(add=False)),
    "addFixedIp": Action("os-multinic:add", run=fixed_ips_proxy.add, until=_OLD_NETWORKS),
    "removeFixedIp": Action("os-multinic:remove", run=fixed_ips_proxy.remove, until=_OLD_NETWORKS),
    "addFloatingIp": Action("os-floating-ips:add", run=floating_ips_proxy.add, until=_OLD_NETWORKS),
    "removeFloatingIp": Action("os-floating-ips:remove", run=floating_ips_proxy.remove, until=_OLD_NETWORKS),
    "forceDelete": Action("os-deferred-delete:force", run=_force_delete),
    "restore": Action("os-deferred-delete:restore", run=_restore),
    **{
        operation.action: _refused(operation)
        for operation in _OPERATIONS
        if operation.path == _PATH and operation.answer
    },
}
_ANY = "os_compute_api:server-actions"
RULES = {f"os_compute_api:{action.rule}": action.persona for action in ACTIONS.values() if not action.gone} | {
    "os_compute_api:os-shelve:unshelve_to_host": "nobody",
    _ANY: "any",
}


@routes.post(_PATH, policy=_ANY)
async def act(call: Call) -> Reply:
    """The body's only member names the action, and the action its rule."""
    name, action, given = _chosen(call)
    server = await found(call)
    call.enforce(f"os_compute_api:{action.rule}")
    if action.run is not None:
        return await action.run(call, server, given)
    answer = await ask(call, server, action.verb or name, ("POST", "/action", {name: given}))
    if action.recorded:
        await record(call, server, action.recorded)
    return Reply(answer.body, answer.status)


def _chosen(call: Call) -> tuple[str, Action, Any]:
    """Raises Invalid and NotFound as nova 34.0.0 `nova/api/openstack/wsgi.py` does."""
    name, body = operations.action_of(call), call.json()
    action, version = ACTIONS.get(name), call.microversion
    if action is None:
        raise Invalid(f"There is no such action: {name}")
    if (action.until and version > action.until) or (action.since and version < action.since):
        raise NotFound("The resource could not be found.")
    if action.gone:
        operations.refuse(_OPERATIONS, _PATH, name)
    BODIES[name].check(body, version)
    return name, action, body[name]
