"""Another tenant's ids are as unknown as nobody's; who may only read writes nothing; no token outlives its end.

The first two walk the routes that vregion serves, so that a new route is held to them from its first day.
"""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import requests

from tests.drivers.bench import PUBLIC_KEY
from tests.e2e.cloud import COMPUTE, Cloud, until
from tests.e2e.rig import TOKEN_CACHE, Rig
from vregion.api.http import Route
from vregion.app import SERVICES
from vregion.model.microversion import Microversion

pytestmark = pytest.mark.lab

NEWEST = Microversion(*map(int, COMPUTE.split(".")))
WORDS = {"compute": "compute", "network": "network", "block-storage": "volume", "image": "image"}
# What all tenants share, or what is no tenant's: (service, first segment of the path).
SHARED = {("compute", "flavors"), ("volume", "types"), ("image", "schemas"), ("compute", "extensions")}
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", "/servers/{id}"): {"server": {"name": "mine"}},
    ("POST", "/servers/{id}/action"): {"pause": None},
    ("PUT", "/networks/{id}"): {"network": {"name": "mine"}},
    ("PUT", "/subnets/{id}"): {"subnet": {"name": "mine"}},
    ("PUT", "/ports/{id}"): {"port": {"name": "mine"}},
    ("PUT", "/security-groups/{id}"): {"security_group": {"name": "mine"}},
    ("PUT", "/volumes/{id}"): {"volume": {"name": "mine"}},
    ("POST", "/volumes/{id}/action"): {"os-extend": {"new_size": 2}},
    ("PUT", "/snapshots/{id}"): {"snapshot": {"name": "mine"}},
    ("POST", "/groups/action"): {"create-from-src": {"source_group_id": "0ddba11c-0000-4000-8000-000000000000"}},
    ("POST", "/groups/{id}/action"): {"delete": {"delete-volumes": False}},
    ("POST", "/attachments/{id}/action"): {"os-complete": {}},
    ("PATCH", "/images/{image_id}"): [{"op": "replace", "path": "/name", "value": "mine"}],
}
TYPES = {
    ("PATCH", "/images/{image_id}"): "application/openstack-images-v2.1-json-patch",
    ("PUT", "/images/{image_id}/file"): "application/octet-stream",
    ("PUT", "/images/{image_id}/stage"): "application/octet-stream",
}


def walk() -> list[tuple[str, Route, str]]:
    """Service, route and the persona of its rule. Left out: what is nobody's, and what is newer than these clouds."""
    return [
        (WORDS[service], route, module.RULES[route.policy])
        for service, (module, _) in SERVICES.items()
        for route in module.ROUTES
        if module.RULES[route.policy] != "nobody"
        and not (service == "compute" and route.since and route.since > NEWEST)
    ]


@pytest.fixture(scope="module")
def things(acme: Cloud, image: str) -> Iterator[dict[tuple[str, str], str]]:
    """One of acme's of each kind, by service and first segment of its path."""
    network = acme.network("private")
    (subnet,) = [s["id"] for s in acme.listed("subnet") if s["network_id"] == network]
    port = acme.make("port", network_id=network, name="private")["id"]
    group = acme.make("security_group", name="private")
    volume = acme.make("volume", size=1, name="private", availability_zone="az1")["id"]
    keypair = acme.make("keypair", name="private", public_key=PUBLIC_KEY)["name"]
    server_group = acme.make("server_group", name="private", policy="affinity")["id"]
    nics = [{"port": port}]
    server = {"name": "private", "flavorRef": "1", "imageRef": image, "networks": nics, "availability_zone": "az1"}
    server_id = acme.make("server", **server)["id"]
    acme.status("server", server_id, "ACTIVE")
    acme.status("volume", volume, "available")
    snapshot = acme.make("snapshot", volume_id=volume, name="private")["id"]
    acme.status("snapshot", snapshot, "available")
    yield {
        ("compute", "servers"): server_id,
        ("compute", "os-keypairs"): keypair,
        ("compute", "os-server-groups"): server_group,
        ("network", "networks"): network,
        ("network", "subnets"): subnet,
        ("network", "ports"): port,
        ("network", "security-groups"): group["id"],
        ("network", "security-group-rules"): group["security_group_rules"][0]["id"],
        ("volume", "volumes"): volume,
        ("volume", "snapshots"): snapshot,
        ("image", "images"): image,
    }
    acme.drop("server", server_id)
    acme.gone("server", server_id)
    acme.drop("snapshot", snapshot)
    acme.gone("snapshot", snapshot)
    for noun, name in (("volume", volume), ("port", port), ("security_group", group["id"]), ("keypair", keypair)):
        acme.drop(noun, name)
    acme.drop("server_group", server_group)
    acme.drop("network", network)


@pytest.fixture(scope="module")
def rival(rig: Rig) -> Iterator[Cloud]:
    """The administrator of another tenant, whose zones are the same clouds."""
    rig.open_tenant("rival", az1="cloud1", az2="cloud2")
    yield rig.tenant("rival")
    rig.vregion("tenant", "close", "rival")


def asked(cloud: Cloud, service: str, route: Route, name: str) -> requests.Response:
    """A request to that route, with this id in the first place of its path, at a microversion that has it."""
    first, *others = route.path.split("{")
    path = first + "".join((name if n == 0 else "1") + place.partition("}")[2] for n, place in enumerate(others))
    headers = {"Content-Type": TYPES.get((route.method, route.path), "application/json")}
    if route.until and not (service == "compute" and route.until > NEWEST):
        headers["OpenStack-API-Version"] = f"{service} {route.until}"
    body = orjson.dumps(BODIES.get((route.method, route.path), {}))
    return cloud.send(service, route.method, path, headers=headers, data=body if route.method != "GET" else None)


def test_anothers_ids_are_unknown(rival: Cloud, things: dict[tuple[str, str], str]) -> None:
    told, walked = [], set()
    for service, route, _ in walk():
        place = (service, route.path.split("/")[1])
        if "{" not in route.path or place in SHARED or place not in things:
            continue
        walked.add(place)
        nobodys = str(uuid.uuid4())
        theirs, unknown = (asked(rival, service, route, name) for name in (things[place], nobodys))
        same = theirs.text.replace(things[place], nobodys) == unknown.text and theirs.status_code == unknown.status_code
        if not same or theirs.status_code not in (400, 403, 404, 405, 410):
            told.append(f"{service} {route.method} {route.path}: {theirs.status_code} {theirs.text} / {unknown.text}")
    assert not told, "\n".join(told)
    assert walked == things.keys()
    for (service, segment), name in things.items():
        assert rival.send(service, "GET", f"/{segment}/{name}").status_code == 404
        assert rival.send(service, "DELETE", f"/{segment}/{name}").status_code == 404


def test_anothers_things_are_in_no_list(rival: Cloud, things: dict[tuple[str, str], str]) -> None:
    for service, route, _ in walk():
        if route.method == "GET" and "{" not in route.path and (service, route.path.split("/")[1]) not in SHARED:
            answer = rival.send(service, "GET", route.path)
            for name in things.values():
                assert f'"{name}"' not in answer.text, route.path


def test_anothers_project_in_the_path_is_refused(rival: Cloud, acme: Cloud, rig: Rig) -> None:
    for path in (f"/compute/v2.1/{acme.project_id}/servers", f"/block-storage/v3/{acme.project_id}/volumes"):
        answer = requests.get(rig.url + path, headers={"X-Auth-Token": rival.token}, timeout=60)
        assert answer.status_code == 400


def test_who_may_only_read_writes_nothing(rig: Rig, acme: Cloud, things: dict[tuple[str, str], str]) -> None:
    reader = rig.person("looker", "reader")
    assert reader.show("server", things["compute", "servers"])["name"] == "private"
    told = []
    for service, route, persona in walk():
        if route.method == "GET" or persona == "any":
            continue
        name = things.get((service, route.path.split("/")[1]), str(uuid.uuid4()))
        answer = asked(reader, service, route, name)
        if answer.status_code != 403:
            told.append(f"{service} {route.method} {route.path}: {answer.status_code} {answer.text[:200]}")
    assert not told, "\n".join(told)
    assert acme.show("server", things["compute", "servers"])["status"] == "ACTIVE"


def works(cloud: Cloud) -> bool:
    status = cloud.send("compute", "GET", "/servers").status_code
    assert status in (200, 401)
    return status == 200


def test_a_revoked_token_is_refused_within_the_cache_time(rig: Rig) -> None:
    leaver = rig.person("leaver", "member")
    assert works(leaver)
    leaver.call("identity", "DELETE", "/auth/tokens", headers={"X-Subject-Token": leaver.token})
    until(lambda: not works(leaver), TOKEN_CACHE + 1, "the token is refused")


def test_a_token_is_refused_when_its_time_is_over(rig: Rig) -> None:
    """A token of an application credential ends with it (keystone 30.0.0 token/provider.py `issue_token`)."""
    person = rig.person("passing", "member")
    soon = datetime.now(UTC) + timedelta(seconds=TOKEN_CACHE + 3)
    wanted = {"name": "short", "expires_at": soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    path = f"/users/{person.user_id}/application_credentials"
    made = person.call("identity", "POST", path, {"application_credential": wanted})["application_credential"]
    one = {"id": made["id"], "secret": made["secret"]}
    body: Any = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": one}}}
    answer = requests.post(f"{rig.keystone_url}/auth/tokens", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    person.token = answer.headers["X-Subject-Token"]
    ends = datetime.fromisoformat(answer.json()["token"]["expires_at"])
    assert ends <= soon
    while datetime.now(UTC) < ends - timedelta(seconds=1):
        assert works(person)
        time.sleep(0.2)
    until(lambda: not works(person), 2, "the token is refused")
