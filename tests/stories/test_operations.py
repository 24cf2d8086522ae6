"""Asks a running service for every operation of its table: what works is routed, what is refused says what it shall.

Against a bare region (VREGION_STORIES) the refusals of an administrator's operations, and of what the real service has
removed, are asked for: it must refuse them to a member with the same status and words, or our table is wrong.
"""

import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
import requests

from vregion.api.operations import Operation, shape
from vregion.app import SERVICES

BARE = "VREGION_STORIES" in os.environ
WORDS = {"compute": "COMPUTE", "network": "NETWORK", "block-storage": "VOLUME", "image": "IMAGE"}
TOKENS = {"public": "READER", "reader": "READER", "member": "TOKEN", "manager": "MANAGER", "admin": "ADMIN"}
ALIASES = {
    "block-storage": "os-hosts",
    "compute": "os-keypairs",
    "network": "external-net",
}  # extensions that are there
UNROUTED = ("The resource could not be found.", "The method specified is not allowed", "There is no such action")
BROKEN = ("DELETE", "/cache/{}")  # glance 33.0.0 answers 500 to everybody when it has no cache (seen)
# Neutron 29.0.0 answers 500 for tags of what is not there (seen).
TAGGED = ("GET", "PUT", "POST", "DELETE")
TAGGING = (
    "floatingips",
    "networks",
    "policies",
    "ports",
    "routers",
    "security-groups",
    "subnetpools",
    "subnets",
    "trunks",
)
FAILING = (
    ("DELETE", "/consistencygroups/{}"),  # cinder 29.0.0 api/contrib/consistencygroups.py delete(): 500 with no body
    ("PUT", "/default-types/{}"),  # and to a body without a type (seen)
    ("POST", "/os-volumes_boot/{}/action"),  # nova 34.0.0: 500 to start, stop, confirmResize, revertResize (seen)
    ("PUT", "/quotas/{}"),  # neutron 29.0.0: 500 to a body without a quota (seen)
    ("PUT", "/address-groups/{}/add_addresses"),  # and to one without addresses (seen)
    ("PUT", "/address-groups/{}/remove_addresses"),
    ("POST", "/agents/{}/l3-routers"),  # and to one without a router (seen)
    ("GET", "/qos/rule-types/{}"),  # and for a rule type that it does not know (seen)
    *((method, f"/{noun}/{{}}/tags{one}") for method in TAGGED for noun in TAGGING for one in ("", "/{}")),
)
MADE_OF_NOTHING = (("POST", "/images"), ("POST", "/os-floating-ips"))  # an empty body is a whole request
TERSE = ("GET", "/images/{}/tasks")  # of an unknown image is said what is said of an unknown path
NOT_IN_THE_LAB = [(method, f"/floatingips/{{}}/port_forwardings{one}") for method in TAGGED for one in ("", "/{}")]
ACTION = "/servers/{id}/action"  # Nova looks for the server before it looks at the rule: there must be one
ARGUMENTS = {"os-resetState": {"state": "error"}}  # and at the body before both
Entry = tuple[str, ModuleType, Operation]


def entries() -> list[Entry]:
    return [(s, m, o) for s, (m, _) in SERVICES.items() for o in getattr(m, "OPERATIONS", ())]


def label(item: object) -> str:
    return f"{item.method} {item.path} {item.action}" if isinstance(item, Operation) else str(item)[:20]


WORKING = [entry for entry in entries() if entry[2].answer is None]
REFUSED = [entry for entry in entries() if entry[2].answer is not None]
# The oracle's part. What needs no body is decided by policy alone; a body would be looked at first.
TRUE_ALIKE = [
    (s, m, o)
    for s, m, o in REFUSED
    if o.answer == 410
    or (o.answer == 403 and o.persona == "admin" and o.method in ("GET", "DELETE") and o.shape != BROKEN)
]


@pytest.fixture(scope="module")
def server(target: str) -> Iterator[str]:
    """A server to refuse actions on."""
    servers, headers = f"{os.environ['COMPUTE']}/servers", {"X-Auth-Token": os.environ["TOKEN"]}
    wanted = {"name": "story-refused", "imageRef": os.environ["IMAGE_ID"], "flavorRef": os.environ["FLAVOR"]}
    newest = headers | {"OpenStack-API-Version": "compute 2.37"}
    made = requests.post(servers, json={"server": wanted | {"networks": "none"}}, headers=newest, timeout=60)
    yield str(made.json()["server"]["id"])
    assert requests.delete(f"{servers}/{made.json()['server']['id']}", headers=headers, timeout=60).ok


def ask(
    service: str, module: ModuleType, operation: Operation, token: str, server_id: str | None = None
) -> requests.Response:
    """The operation on something that does not exist, at the newest microversion that has it."""
    there = {"{project_id}": os.environ["PROJECT"], "{alias}": ALIASES.get(service, ""), "{version}": "v2.1"}
    path = operation.path
    for name, value in there.items():
        path = path.replace(name, value)
    if service == "compute" and path == ACTION and server_id:
        path = path.replace("{id}", server_id)
    if path == "/os-migrations":
        path += f"?project_id={os.environ['PROJECT']}"  # without it they are an admin's alone
    while "{" in path:
        path = f"{path[: path.index('{')]}{uuid4()}{path[path.index('}') + 1 :]}"
    versions = module.VERSIONS
    version = operation.until or os.environ.get(f"{WORDS[service]}_NEWEST") or versions.newest
    headers = {"X-Auth-Token": os.environ[token], "Accept": "application/json"}
    if versions.service_type:
        headers["OpenStack-API-Version"] = f"{versions.service_type} {version}"
    body: Any = {operation.action: ARGUMENTS.get(operation.action, {})} if operation.action else {}
    root = os.environ[WORDS[service]]
    if path in ("", "/"):
        root = root.partition("/v3")[0] if service == "block-storage" else root.rpartition("/")[0]
    sent = None if operation.method in ("GET", "DELETE", "HEAD") else body
    return requests.request(operation.method, root + path, headers=headers, timeout=60, json=sent)


@pytest.mark.parametrize(("service", "module", "operation"), WORKING, ids=label)
def test_what_works_is_routed(service: str, module: ModuleType, operation: Operation, target: str) -> None:
    if operation.path not in ("", "/"):
        assert operation.shape in {shape(route.method, route.path) for route in module.HANDLED}
    answer = ask(service, module, operation, TOKENS[operation.persona])
    if operation.shape in MADE_OF_NOTHING and answer.ok:
        token = {"X-Auth-Token": str(answer.request.headers["X-Auth-Token"])}
        made = answer.json().get("floating_ip", answer.json())
        assert requests.delete(f"{answer.request.url}/{made['id']}", headers=token, timeout=60).ok
    assert answer.status_code not in (401, 403, 405, 501), answer.text
    assert answer.status_code < 500 or (BARE and operation.shape in FAILING), answer.text
    if operation.shape != TERSE and not (BARE and operation.shape in NOT_IN_THE_LAB):
        assert not any(words in answer.text for words in UNROUTED), answer.text


if BARE:

    @pytest.mark.parametrize(("service", "module", "operation"), TRUE_ALIKE, ids=label)
    def test_the_real_service_refuses_the_same(
        service: str, module: ModuleType, operation: Operation, target: str
    ) -> None:
        answer = ask(service, module, operation, "TOKEN")
        looked_for = answer.status_code == 404 and "{" in operation.path  # Cinder: the thing before the policy
        assert looked_for or (answer.status_code, message(answer)) == (operation.answer, operation.words)

else:

    @pytest.mark.parametrize(("service", "module", "operation"), REFUSED, ids=label)
    def test_what_is_refused_says_so(service: str, module: ModuleType, operation: Operation, server: str) -> None:
        for token in ("TOKEN", "ADMIN"):
            answer = ask(service, module, operation, token, server)
            assert answer.status_code == operation.answer, answer.text
            assert operation.words in message(answer)


def message(answer: requests.Response) -> str:
    """The words of a fault in any service's form."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return answer.text
    body = answer.json()
    inner = body if "message" in body else next(iter(body.values()))
    return str(inner["message"]).removesuffix("<br /><br />\n\n\n")
