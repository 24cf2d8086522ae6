"""The table of changes: each microversion's document is the next newer one with one change undone."""

from typing import Any

import orjson
import pytest

from vregion.api.compute import microversions
from vregion.model.microversion import Microversion
from vregion.region import server_documents

FULL: dict[str, Any] = {
    "id": "s",
    "name": "n",
    "image": {"id": "i", "links": [], "properties": {"hw": "x"}},
    "flavor": {"vcpus": 1, "original_name": "tiny"},
    "addresses": {"net": [{"addr": "10.0.0.1", "version": 4, "OS-EXT-IPS:type": "fixed"}]},
    "os-extended-volumes:volumes_attached": [{"id": "v", "delete_on_termination": True}],
    "locked": False,
    "description": None,
    "tags": [],
    "trusted_image_certificates": None,
    "server_groups": [],
    "locked_reason": None,
    "OS-EXT-SRV-ATTR:hostname": "n",
    "pinned_availability_zone": None,
    "scheduler_hints": {},
    "key_name": "k",
}


def at(text: str) -> dict[str, Any]:
    version = Microversion.parse(text)
    assert version is not None
    return microversions.older(dict(FULL), "7", "http://api", version)


@pytest.mark.parametrize(
    ("since", "name"),
    [
        ("2.9", "locked"),
        ("2.19", "description"),
        ("2.26", "tags"),
        ("2.63", "trusted_image_certificates"),
        ("2.71", "server_groups"),
        ("2.73", "locked_reason"),
        ("2.90", "OS-EXT-SRV-ATTR:hostname"),
        ("2.96", "pinned_availability_zone"),
        ("2.100", "scheduler_hints"),
    ],
)
def test_a_field_is_there_from_its_microversion_on(since: str, name: str) -> None:
    before = f"2.{int(since[2:]) - 1}"
    assert name in at(since)
    assert name not in at(before)
    assert at(since).keys() - at(before).keys() == {name}


def test_the_flavor_is_a_link_before_2_47() -> None:
    assert at("2.47")["flavor"]["vcpus"] == 1
    assert at("2.46")["flavor"] == {"id": "7", "links": [{"rel": "bookmark", "href": "http://api/flavors/7"}]}


def test_volumes_are_ids_before_2_3() -> None:
    assert at("2.3")["os-extended-volumes:volumes_attached"] == [{"id": "v", "delete_on_termination": True}]
    assert at("2.2")["os-extended-volumes:volumes_attached"] == [{"id": "v"}]


def test_the_images_properties_come_with_2_98() -> None:
    assert at("2.98")["image"]["properties"] == {"hw": "x"}
    assert "properties" not in at("2.97")["image"]


def test_the_newest_is_the_stored_one() -> None:
    assert at("2.104") == FULL
    assert at("2.100") == FULL


def test_an_update_shows_a_part_before_2_75() -> None:
    old, new = Microversion(2, 74), Microversion(2, 75)
    shown = microversions.part(at("2.74"), old)
    assert shown["addresses"] == {"net": [{"addr": "10.0.0.1", "version": 4}]}
    assert "key_name" not in shown
    assert "key_name" in microversions.part(at("2.74"), old, ("key_name",))
    assert microversions.part(at("2.75"), new) == at("2.75")


AWKWARD: dict[str, Any] = {
    "metadata": {"a": '\n,"tags":[]', "scheduler_hints": "}", "image": "\u2028"},
    "description": '\n"}\n,',
    "scheduler_hints": {"scheduler_hints": "\n", "tags": ["x"]},
    "tags": ['"', "\n"],
}
OTHERS = (FULL, FULL | AWKWARD, FULL | {"image": "", "os-extended-volumes:volumes_attached": []}, {"id": "s"})
VERSIONS = [Microversion(2, minor) for minor in range(1, 105)]


@pytest.mark.parametrize("document", OTHERS)
@pytest.mark.parametrize("more", [None, {"OS-EXT-SRV-ATTR:host": None, "x": "\n"}])
def test_a_stored_document_is_rendered_as_a_parsed_one(document: dict[str, Any], more: dict[str, Any] | None) -> None:
    """Written in lines, or as it was before that."""
    for version in VERSIONS:
        rendered = microversions.Rendering("http://api", version)
        wanted = microversions.older(document | (more or {}), "7", "http://api", version)
        for stored in (server_documents.stored(document), orjson.dumps(document)):
            assert orjson.loads(rendered(stored, "7", more)) == wanted, version


def test_the_lines_of_a_document_are_in_the_order_of_the_changes() -> None:
    assert tuple(name for _, name, _ in reversed(microversions.CHANGES)) == server_documents.APART
