"""Both syntaxes of block devices come out as one list, or are refused in Nova's words."""

from typing import Any

import pytest

from vregion.model.refusals import Invalid
from vregion.region.server_disks import requested, truth

FLAVOR = {"ephemeral": 2, "swap": 512}
ROOT = {"source_type": "volume", "destination_type": "volume", "uuid": "v", "boot_index": 0}


def disks(**server: Any) -> list[dict[str, Any]]:
    return requested(server, FLAVOR)


def test_an_image_alone_needs_no_list() -> None:
    assert disks(imageRef="i") == []


def test_nothing_to_boot_from() -> None:
    with pytest.raises(Invalid, match="Missing imageRef attribute"):
        disks()


def test_a_modern_root() -> None:
    (root,) = disks(block_device_mapping_v2=[ROOT | {"delete_on_termination": "true", "tag": "t"}])
    assert root == ROOT | {"delete_on_termination": True, "tag": "t"}


def test_the_older_syntax_lists_the_image_as_the_newer_one_must() -> None:
    image, volume = disks(imageRef="i", block_device_mapping=[{"volume_id": "v", "device_name": "vdb"}])
    assert (image["source_type"], image["destination_type"], image["boot_index"]) == ("image", "local", 0)
    assert (volume["uuid"], volume["boot_index"], volume["device_name"]) == ("v", -1, "vdb")


def test_without_an_image_the_first_of_the_older_syntax_is_the_root() -> None:
    swap, first, second = disks(
        block_device_mapping=[{"virtual_name": "swap"}, {"snapshot_id": "s", "volume_size": "3"}, {"volume_id": "v"}]
    )
    assert swap["guest_format"] == "swap"
    assert (first["source_type"], first["boot_index"], first["volume_size"]) == ("snapshot", 0, 3)
    assert second["boot_index"] == -1


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ([ROOT | {"boot_index": 1}], "Boot sequence"),
        ([ROOT, ROOT], "Boot sequence"),
        ([{"source_type": "volume", "boot_index": 0}], "Missing device UUID"),
        ([{"source_type": "blank", "uuid": "x"}], "Invalid device UUID"),
        ([{"source_type": "image", "destination_type": "local", "uuid": "i", "boot_index": 0}], "image to local"),
        ([ROOT | {"volume_type": "fast"}], "volume type to existing volume"),
        ([ROOT, {"source_type": "blank", "destination_type": "volume"}], "non-zero size"),
        ([{"source_type": "image", "destination_type": "volume", "uuid": "i", "boot_index": 0}], "non-zero size"),
        ([ROOT, {"source_type": "blank", "destination_type": "local", "volume_size": 3}], "Ephemeral disks"),
        (
            [ROOT, {"source_type": "blank", "destination_type": "local", "guest_format": "swap", "volume_size": 1024}],
            "Swap drive",
        ),
    ],
)
def test_refused(mapping: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        disks(block_device_mapping_v2=mapping)


def test_both_syntaxes_at_once() -> None:
    with pytest.raises(Invalid, match="different block_device_mapping syntaxes"):
        disks(block_device_mapping=[{"volume_id": "v"}], block_device_mapping_v2=[ROOT])


def test_truth() -> None:
    assert [truth(value) for value in (True, "True", "on", "1", False, "no", None)] == [True] * 4 + [False] * 3
