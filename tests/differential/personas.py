"""Who asks: a persona of the services' default policies, on either side in the project that has the furniture.

What an administrator of a real region may do and nobody in a virtual one (hosts, hypervisors, other tenants), and which
persona may do the rest, is in the tables of operations (vregion/api/*/operations.csv): no list of it is kept here.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import requests
import yaml

from tests.differential.mutations import Asked
from tests.differential.sides import Answer
from tests.stories.lab import CLOUDS, sign_in
from vregion.api.operations import Operation, table
from vregion.model.microversion import Microversion

PERSONAS = {"member": "TOKEN", "reader": "READER", "manager": "MANAGER", "admin": "ADMIN"}  # -> the word of his token
RANKS = ("public", "reader", "member", "manager", "admin")
FOLDERS = {"COMPUTE": "compute", "VOLUME": "block_storage", "NETWORK": "network", "IMAGE": "image"}


@contextmanager
def administrator(cloud: str) -> Iterator[str]:
    """A token of the lab's administrator for the members' project, where he has the role until the end."""
    clouds = yaml.safe_load(CLOUDS.read_text())["clouds"]
    given, project = clouds[f"{cloud}-admin"]["auth"], clouds[cloud]["auth"]["project_name"]
    token, told = sign_in({"auth": given})
    role = next(one["id"] for one in told["roles"] if one["name"] == "admin")
    _, member = sign_in(clouds[cloud])
    url = f"{given['auth_url']}/projects/{member['project']['id']}/users/{told['user']['id']}/roles/{role}"
    requests.put(url, headers={"X-Auth-Token": token}, timeout=30).raise_for_status()
    try:
        yield sign_in({"auth": given | {"project_name": project}})[0]
    finally:
        requests.delete(url, headers={"X-Auth-Token": token}, timeout=30).raise_for_status()


def line(asked: Asked) -> Operation | None:
    """The operation in the table of its service: None if it is in none, or not at that version."""
    _, method, path = asked.operation.split(" ")
    parts = path.strip("/").split("/")
    action = next(iter(asked.body)) if isinstance(asked.body, dict) and len(asked.body) == 1 else ""
    found = [one for one in _operations(asked.service, method) if _is(one, parts) and one.action in ("", action)]
    found = [one for one in found if _at(one, asked.microversion)]
    return max(found, key=lambda one: (one.action != "", -one.path.count("{")), default=None)


def unlike(operation: Operation, ours: Answer) -> list[str]:
    """What our answer to an operation that the table refuses has otherwise than the table; nothing if all is alike."""
    alike = ours.status == operation.answer and operation.words in json.dumps(ours.body, ensure_ascii=False)
    return [] if alike else [f"status {operation.answer} in the table, {ours.status} here: {ours.fault or '-'}"]


def designed(operation: Operation, persona: str, real: Answer, ours: Answer) -> bool:
    """Whether the table of operations says that two answers differ: nobody may do it here, or this persona may not.

    Who may not is told so before anything else is looked at. The real services look at the body first, Nova and Cinder
    at the thing itself too, and may find fault with these.
    """
    if operation.answer:
        return not unlike(operation, ours)
    below = RANKS.index(persona) < RANKS.index(operation.persona)
    return below and ours.status == 403 and real.status in (400, 404, 409, 500)


@cache
def _operations(service: str, method: str) -> tuple[Operation, ...]:
    return tuple(one for one in table(FOLDERS[service]) if one.method == method)


def _is(operation: Operation, parts: list[str]) -> bool:
    own = operation.path.strip("/").split("/")
    return len(own) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(own, parts, strict=True))


def _at(operation: Operation, told: str) -> bool:
    """Whether it is there at the version of a request's header; at none that is said, the oldest."""
    version = Microversion.parse(told.partition(" ")[2]) or Microversion(1, 0)
    since, until = Microversion.parse(operation.since), Microversion.parse(operation.until)
    return "latest" in told or ((since is None or since <= version) and (until is None or version <= until))
