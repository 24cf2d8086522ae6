"""Sealed credentials open for their owner with their key, and in no other way."""

import base64
import json
import os
import stat
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vregion.directory.sealing import Keys, SealBroken

KEYS = Keys("k1", {"k1": b"1" * 32})
owners = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters=" -"), min_size=1)


def _write(path: Path, current: str, **keys: bytes) -> Path:
    path.write_text(
        json.dumps({"current": current, "keys": {k: base64.b64encode(v).decode() for k, v in keys.items()}})
    )
    return path


@given(st.binary(), owners)
def test_what_was_sealed_opens(plain: bytes, owner: str) -> None:
    assert KEYS.open(KEYS.seal(plain, owner), owner) == plain


@given(st.binary(min_size=8), owners)
def test_sealing_twice_differs_and_hides(plain: bytes, owner: str) -> None:
    one, two = KEYS.seal(plain, owner), KEYS.seal(plain, owner)
    assert one != two
    assert plain not in base64.b64decode(one.split(".")[2])


@given(owners, owners)
def test_a_record_cannot_be_moved(owner: str, other: str) -> None:
    sealed = KEYS.seal(b"secret", owner)
    if owner != other:
        with pytest.raises(SealBroken):
            KEYS.open(sealed, other)


@given(st.data())
def test_a_changed_record_does_not_open(data: st.DataObject) -> None:
    sealed = KEYS.seal(b"secret words", "binding 1")
    raw = bytearray(base64.b64decode(sealed.split(".")[2]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        KEYS.open(f"v1.k1.{base64.b64encode(raw).decode()}", "binding 1")


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    for record in (text, f"v1.k1.{text}", KEYS.seal(b"x", "o") + text if text else ""):
        with pytest.raises(SealBroken):
            KEYS.open(record, "o")


def test_a_key_of_the_same_name_with_other_bits_fails_closed_and_says_nothing() -> None:
    sealed = KEYS.seal(b"hunter2hunter2", "binding 1")
    with pytest.raises(SealBroken) as caught:
        Keys("k1", {"k1": b"2" * 32}).open(sealed, "binding 1")
    told = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in told
    assert base64.b64encode(b"1" * 32).decode() not in told + repr(KEYS)


def test_an_older_key_still_opens_and_the_current_one_seals(tmp_path: Path) -> None:
    old, new = os.urandom(32), os.urandom(32)
    sealed = Keys.load(_write(tmp_path / "keys", "old", old=old)).seal(b"secret", "o")
    rotated = Keys.load(_write(tmp_path / "keys", "new", old=old, new=new))
    assert rotated.open(sealed, "o") == b"secret"
    with pytest.raises(SealBroken):
        Keys.load(_write(tmp_path / "keys", "old", old=old)).open(rotated.seal(b"secret", "o"), "o")


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "below" / "keys.json"
    sealed = Keys.load_or_create(path).seal(b"secret", "o")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["keys.json"]
    assert Keys.load_or_create(path).open(sealed, "o") == b"secret"


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"current": "a", "keys": {}}', '{"current": "a", "keys": {"a": "c2hvcnQ="}}', '{"keys": 1}'],
)
def test_a_wrong_key_file_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").write_text(content)
    with pytest.raises(SealBroken):
        Keys.load_or_create(tmp_path / "keys")
