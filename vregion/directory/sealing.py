"""Seals credentials with AES-256-GCM before they reach a database, and opens them again.

Used by `credentials` alone. A record names its key, so that older keys still open what they sealed, and is tied to
its owner, so that it cannot be moved to another backend or binding. Every doubt is `SealBroken`; no message, repr or
traceback of this file may hold a key or a plain text.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM = "v1"
_NONCE = 12  # bytes, the size that NIST SP 800-38D recommends for GCM
_KEY = 32


class SealBroken(Exception):
    """A sealed record or the key file cannot be used. The message says which, never what is in it."""


class Keys:
    """The key file: seals with the current key, opens with every key that it has."""

    def __init__(self, current: str, keys: Mapping[str, bytes]) -> None:
        if current not in keys or any(len(key) != _KEY for key in keys.values()) or any("." in name for name in keys):
            raise SealBroken("the key file names no current key, or a key has not 256 bits")
        self._current = current
        self._keys = {name: AESGCM(key) for name, key in keys.items()}

    @classmethod
    def load(cls, path: Path) -> "Keys":
        """Read the key file: {"current": id, "keys": {id: base64}}."""
        try:
            given = orjson.loads(path.read_bytes())
            keys = {str(name): base64.b64decode(key, validate=True) for name, key in given["keys"].items()}
            return cls(given["current"], keys)
        except FileNotFoundError:
            raise SealBroken(f"there is no key file {path}, and it has sealed credentials before") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise SealBroken(f"the key file {path} cannot be read: {type(wrong).__name__}") from None

    @classmethod
    def load_or_create(cls, path: Path) -> "Keys":
        """Read the key file; when there is none, make one with a new key. Of two that race, both read the first."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(path)
        return cls.load(path)

    def seal(self, plain: bytes, owner: str) -> str:
        """A text that only these keys open, and only for the same owner."""
        nonce = os.urandom(_NONCE)
        cipher = self._keys[self._current].encrypt(nonce, plain, _associated(self._current, owner))
        return f"{_FORM}.{self._current}.{base64.b64encode(nonce + cipher).decode()}"

    def open(self, sealed: str, owner: str) -> bytes:
        """What was sealed for this owner, or SealBroken."""
        form, _, rest = sealed.partition(".")
        name, _, text = rest.partition(".")
        key = self._keys.get(name)
        if form != _FORM or key is None:
            raise SealBroken(f"the credential of {owner} was sealed with a key that the key file has not got")
        try:
            raw = base64.b64decode(text, validate=True)
            return key.decrypt(raw[:_NONCE], raw[_NONCE:], _associated(name, owner))
        except (InvalidTag, ValueError, binascii.Error):
            raise SealBroken(f"the credential of {owner} is damaged, moved, or sealed with another key") from None


def _associated(name: str, owner: str) -> bytes:
    return f"{_FORM}.{name}.{owner}".encode()


def _write_new(path: Path) -> None:
    """A complete file appears at once or not at all: it is written aside, and linked only where there is none."""
    name = secrets.token_hex(4)
    content = orjson.dumps({"current": name, "keys": {name: base64.b64encode(os.urandom(_KEY)).decode()}})
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass  # another process was first, and its key is the one
    finally:
        aside.unlink()
