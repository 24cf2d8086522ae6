"""What cannot be is refused as the real services refuse it: the same request to vregion and to the first region.

The tables hold requests that a tenant gets wrong; status and fault body must be the same on both sides, ids aside, and
nothing may be left behind. The stories hold many more of them; here the two stand side by side.
"""

import json
import re
import select
import socket
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab
LONG = "n" * 300
NOBODYS = str(uuid.uuid4())


def server(**fields: Any) -> dict[str, Any]:
    return {"server": {"name": "bad", "flavorRef": "FLAVOR", "imageRef": "IMAGE", "networks": "none", **fields}}


def subnet(network: str = "NETWORK", cidr: str = "10.8.0.0/24") -> dict[str, Any]:
    return {"subnet": {"network_id": network, "ip_version": 4, "cidr": cidr}}


WRONG = {
    "zone": ("compute", "/servers", server(availability_zone="nowhere")),
    "flavor": ("compute", "/servers", server(flavorRef=NOBODYS)),
    "image": ("compute", "/servers", server(imageRef=NOBODYS)),
    "image-form": ("compute", "/servers", server(imageRef="no-uuid")),
    "network": ("compute", "/servers", server(networks=[{"uuid": NOBODYS}])),
    "port": ("compute", "/servers", server(networks=[{"port": NOBODYS}])),
    "keypair": ("compute", "/servers", server(key_name="nobodys")),
    "security-group": ("compute", "/servers", server(networks="auto", security_groups=[{"name": "nobodys"}])),
    "server-name": ("compute", "/servers", server(name=LONG)),
    "user-data": ("compute", "/servers", server(user_data="x" * 65536)),
    "count": ("compute", "/servers", server(min_count=3, max_count=2)),
    "unknown-field": ("compute", "/servers", server(colour="red")),
    "server-json": ("compute", "/servers", b'{"server": '),
    "server-list": ("compute", "/servers", []),
    "network-name": ("network", "/networks", {"network": {"name": LONG}}),
    "network-field": ("network", "/networks", {"network": {"colour": "red"}}),
    "network-json": ("network", "/networks", b'{"network": '),
    "cidr": ("network", "/subnets", subnet(cidr="10.0.0.0/33")),
    "cidr-family": ("network", "/subnets", subnet(cidr="fd00::/64")),
    "cidr-twice": ("network", "/subnets", subnet(cidr="10.9.0.0/24")),
    "subnet-network": ("network", "/subnets", subnet(network=NOBODYS)),
    "port-address": (
        "network",
        "/ports",
        {"port": {"network_id": "NETWORK", "fixed_ips": [{"ip_address": "10.7.0.9"}]}},
    ),
    "rule": (
        "network",
        "/security-group-rules",
        {"security_group_rule": {"security_group_id": NOBODYS, "direction": "ingress"}},
    ),
    "volume-size": ("volume", "/volumes", {"volume": {"size": 0}}),
    "volume-name": ("volume", "/volumes", {"volume": {"size": 1, "name": LONG}}),
    "volume-type": ("volume", "/volumes", {"volume": {"size": 1, "volume_type": "nobodys"}}),
    "volume-image": ("volume", "/volumes", {"volume": {"size": 1, "imageRef": NOBODYS}}),
    "volume-zone": ("volume", "/volumes", {"volume": {"size": 1, "availability_zone": "nowhere"}}),
    "snapshot": ("volume", "/snapshots", {"snapshot": {"volume_id": NOBODYS}}),
    "volume-json": ("volume", "/volumes", b"{"),
    "image-format": ("image", "/images", {"name": "bad", "disk_format": "floppy"}),
    "image-name": ("image", "/images", {"name": LONG}),
    "image-json": ("image", "/images", b"{"),
}
WORDS = dict[str, str]


@pytest.fixture(scope="module")
def sides(rig: Rig, acme: Cloud, image: str) -> Iterator[list[tuple[Cloud, WORDS]]]:
    """The region's own member and acme's, each with a flavor, an image and a network for the words of the table."""
    real = rig.direct(1, "")
    (flavor,) = real.call("compute", "GET", "/flavors?sort_key=memory_mb&limit=1")["flavors"]
    real_image = real.image("e2e-image", bytes(range(256)) * 768)
    both = [
        (real, {"FLAVOR": flavor["id"], "IMAGE": real_image}),
        (acme, {"FLAVOR": "1", "IMAGE": image}),
    ]
    for cloud, words in both:
        words["NETWORK"] = cloud.network("bad", "10.9.0.0/24")
    yield both
    for cloud, words in both:
        cloud.drop("network", words["NETWORK"])
    real.drop("image", real_image)


def filled(body: Any, words: WORDS) -> Any:
    """The body with this side's ids."""
    if isinstance(body, dict):
        return {key: filled(value, words) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, words) for value in body]
    return words.get(body, body) if isinstance(body, str) else body


def fault(cloud: Cloud, service: str, path: str, body: Any, words: WORDS) -> tuple[int, Any]:
    """Status and body of the refusal, with each side's own ids made equal; JSON decoded, of HTML the words.

    Two things are cut: an object of the request that is echoed (its keys may come in another order), and the dump of a
    schema that Glance lets its library append.
    """
    raw = {"data": body, "headers": {"Content-Type": "application/json"}} if isinstance(body, bytes) else {}
    answer = cloud.send(service, "POST", path, None if raw else filled(body, words), **raw)
    text = answer.text.replace(cloud.project_id, "PROJECT")
    for word, own in words.items():
        text = re.sub(rf"(?<=['\"]){own}(?=['\"])|\b{own}\b" if len(own) > 8 else rf"(?<='){own}(?=')", word, text)
    if "json" in answer.headers.get("Content-Type", ""):
        return answer.status_code, json.loads(re.sub(r"Value: \{.*?\}\.", "Value.", text))
    return answer.status_code, re.sub("<[^>]*>", " ", text).partition("Failed validating")[0].split()


@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused_in_the_real_words(sides: list[tuple[Cloud, WORDS]], name: str) -> None:
    service, path, body = WRONG[name]
    real, ours = (fault(cloud, service, path, body, words) for cloud, words in sides)
    assert real[0] >= 400
    assert ours == real


@pytest.mark.parametrize("version", ["compute 2.999", "compute 3.1", "compute two", "volume 3.999"])
def test_a_wrong_microversion(sides: list[tuple[Cloud, WORDS]], version: str) -> None:
    service = version.split()[0]
    path = {"compute": "/servers", "volume": "/volumes"}[service]
    headers = {"OpenStack-API-Version": version}
    real, ours = (cloud.send(service, "GET", path, headers=headers) for cloud, _ in sides)
    assert (ours.status_code, words_of(ours)) == (real.status_code, words_of(real))


def words_of(answer: requests.Response) -> str:
    """The message of any fault body, with every service's own highest version made equal."""
    (message,) = re.findall(r'"(?:message|detail)": ?"([^"]*)"', answer.text)
    return re.sub(r"maximum is [0-9.]+", "maximum is N", str(message))


PLACES = ["compute/v2.1/servers", "network/v2.0/networks", "block-storage/v3/volumes", "image/v2/images"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("chunked", [False, True], ids=["with-length", "chunked"])
def test_a_body_of_100_mb_is_refused_long_before_its_end(rig: Rig, acme: Cloud, place: str, chunked: bool) -> None:
    before = rig.resident
    url = urlsplit(rig.url)
    length, sent, piece = 100 << 20, 0, b"x" * (1 << 16)
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    head = f"POST /{place} HTTP/1.1\r\nHost: {url.netloc}\r\nX-Auth-Token: {acme.token}\r\n{size}\r\n\r\n"
    with socket.create_connection((str(url.hostname), int(url.port or 80)), 60) as connection:
        connection.sendall(head.encode())
        while not select.select([connection], [], [], 0)[0]:
            assert sent < length
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            sent += len(piece)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
    assert sent < length / 2
    assert rig.resident - before < 30 << 20


def test_nothing_of_it_is_left(sides: list[tuple[Cloud, WORDS]], inside: dict[str, Cloud]) -> None:
    _, (acme, words) = sides
    assert acme.listed("server") == acme.listed("volume") == acme.listed("snapshot") == acme.listed("port") == []
    assert [network["id"] for network in acme.listed("network", "?router:external=false")] == [words["NETWORK"]]
    for cloud in inside.values():
        assert cloud.listed("server") == cloud.listed("volume") == []
