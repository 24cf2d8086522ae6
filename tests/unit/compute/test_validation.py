"""Schemas say what Nova says, at each microversion."""

from typing import Any

import pytest

from vregion.api.schemas.compute import server_actions, server_parts, servers
from vregion.api.validation import NAME_WORDS, Schema, Since, printable
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid

IMAGE = "11111111-1111-4111-8111-111111111111"
OLD: dict[str, Any] = {"name": "s", "flavorRef": "1", "imageRef": IMAGE}
NEW = OLD | {"networks": "none"}


def refused(schema: Schema, body: Any, version: str) -> str:
    """The words of the refusal; '' when the body is fine."""
    found = Microversion.parse(version)
    assert found is not None
    try:
        schema.check(body, found)
    except Invalid as refusal:
        return refusal.message
    return ""


@pytest.mark.parametrize(
    ("field", "value", "first", "last"),
    [
        ("description", "d", 19, 104),
        ("tags", ["t"], 52, 104),
        ("personality", [{"path": "/a", "contents": "YQ=="}], 1, 56),
        ("trusted_image_certificates", ["c"], 63, 104),
        ("host", "h", 74, 104),
        ("hypervisor_hostname", "h", 74, 104),
        ("hostname", "host", 90, 104),
        ("networks", "auto", 37, 104),
        ("networks", [{"uuid": IMAGE, "tag": "t"}], 42, 104),
        ("block_device_mapping_v2", [{"source_type": "blank", "tag": "t"}], 42, 104),
        ("block_device_mapping_v2", [{"source_type": "blank", "volume_type": "t"}], 67, 104),
    ],
)
def test_a_field_is_taken_in_its_microversions(field: str, value: Any, first: int, last: int) -> None:
    for minor in (1, first - 1, first, last, last + 1):
        if not 1 <= minor <= 104:
            continue
        body = {"server": (NEW if minor >= 37 else OLD) | {field: value}}
        assert (refused(servers.CREATE, body, f"2.{minor}") == "") == (first <= minor <= last), minor


def test_the_devices_tags_of_2_32_were_lost_until_2_42() -> None:
    disk = {"server": OLD | {"block_device_mapping_v2": [{"source_type": "blank", "tag": "t"}]}}
    assert refused(servers.CREATE, disk, "2.32") == ""
    assert refused(servers.CREATE, disk, "2.33")
    port = {"server": OLD | {"networks": [{"uuid": IMAGE, "tag": "t"}]}}
    assert refused(servers.CREATE, port, "2.36") == ""
    assert refused(servers.CREATE, port, "2.37")


def test_a_dot_in_a_hostname_comes_with_2_94() -> None:
    body = {"server": NEW | {"hostname": "a.example"}}
    assert refused(servers.CREATE, body, "2.93")
    assert refused(servers.CREATE, body, "2.94") == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "x" * 256}, f"Invalid input for field/attribute name. Value: {'x' * 256}. '{'x' * 256}' is too long"),
        ({"name": ""}, "Invalid input for field/attribute name. Value: . '' should be non-empty"),
        ({"name": 7}, "Invalid input for field/attribute name. Value: 7. 7 is not of type 'string'"),
        ({"name": "s "}, NAME_WORDS),
        (
            {"min_count": 0},
            "Invalid input for field/attribute min_count. Value: 0. 0 is less than the minimum of 1",
        ),
        (
            {"min_count": "00"},
            "Invalid input for field/attribute min_count. Value: 00. 0 is less than the minimum of 1",
        ),
        (
            {"min_count": "one"},
            "Invalid input for field/attribute min_count. Value: one. 'one' does not match '^[0-9]*$'",
        ),
        (
            {"block_device_mapping_v2": [{"volume_size": "2147483648"}]},
            "Invalid input for field/attribute volume_size. Value: 2147483648. "
            "2147483648 is greater than the maximum of 2147483647",
        ),
        (
            {"OS-DCF:diskConfig": "auto"},
            "Invalid input for field/attribute OS-DCF:diskConfig. Value: auto. 'auto' is not one of ['AUTO', 'MANUAL']",
        ),
        (
            {"accessIPv4": "1.2.3"},
            "Invalid input for field/attribute accessIPv4. Value: 1.2.3. '1.2.3' is not a 'ipv4'",
        ),
        (
            {"imageRef": "x"},
            "Invalid input for field/attribute imageRef. Value: x. 'x' is not valid under any of the given schemas",
        ),
        (
            {"metadata": {"a/b": "c"}},
            "Invalid input for field/attribute metadata. Value: {'a/b': 'c'}. "
            "'a/b' does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'",
        ),
    ],
)
def test_the_words_are_novas(change: dict[str, Any], words: str) -> None:
    assert refused(servers.CREATE, {"server": NEW | change}, "2.90") == words


def test_a_body_that_is_no_object() -> None:
    assert refused(servers.CREATE, [], "2.1") == "[] is not of type 'object'"
    assert refused(servers.CREATE, {}, "2.1") == "'server' is a required property"


def test_a_query_is_named_by_its_parameter() -> None:
    words = "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'"
    assert refused(servers.LIST, {"limit": ["-1"]}, "2.1") == words


def test_unknown_filters_are_refused_from_2_75_on() -> None:
    assert refused(servers.LIST, {"beauty": ["1"]}, "2.74") == ""
    assert refused(servers.LIST, {"beauty": ["1"]}, "2.75")


def test_a_server_has_fifty_tags() -> None:
    tags = [str(number) for number in range(50)]
    assert refused(server_parts.ALL_TAGS, {"tags": tags}, "2.26") == ""
    assert refused(server_parts.ALL_TAGS, {"tags": [*tags, "one more"]}, "2.26")


def test_every_action_has_a_body() -> None:
    from vregion.api.compute.server_actions import ACTIONS

    assert {name for name, action in ACTIONS.items() if not action.gone} == server_actions.BODIES.keys()


def test_a_part_that_ended_is_absent() -> None:
    schema = Schema(
        {"type": "object", "properties": {"a": Since(("2.2", {"type": "string"}), ("2.4", None))}}
        | {"additionalProperties": False}
    )
    assert [bool(refused(schema, {"a": "x"}, f"2.{minor}")) for minor in (1, 2, 3, 4)] == [True, False, False, True]


def test_names() -> None:
    assert printable("härte 新しい")
    for bad in (" a", "a ", "a\tb", "a\nb", "a\u2028b", "\x00", "a\uffff", "\U0001f600"):
        assert not printable(bad)


def test_what_is_printable_is_told_in_full() -> None:
    told = refused(Schema({"properties": {"a": {"format": "printable"}}}), {"a": "\x05"}, "2.1")
    pattern = told.removeprefix("Invalid input for field/attribute a. Value: \x05. '\\x05' does not match '")
    assert pattern.startswith("^[\\\\ -\\\\~\\xa0-¬®-ͷ")
    assert pattern.endswith("\ufffc-\ufffd]*$'")
