"""A body that is no text, which a story cannot send: Neutron's two ways to read a body tell it differently."""

import os

import pytest
import requests

from vregion.model.refusals import MALFORMED


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("POST", "/networks", MALFORMED),
        ("PUT", "/ports/nope", MALFORMED),
        ("POST", "/trunks", "Malformed request body: Cannot understand JSON."),
    ],
)
def test_bytes_that_are_no_text(target: str, method: str, path: str, words: str) -> None:
    headers = {"X-Auth-Token": os.environ["TOKEN"], "Content-Type": "application/json"}
    answer = requests.request(method, os.environ["NETWORK"] + path, data=b"\xff", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["NeutronError"]["message"]) == (400, words)
