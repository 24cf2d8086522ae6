"""Answers have the keys and types that Cinder's have, at every microversion; shapes.json is what a bare region said.

Against a bare region (VREGION_STORIES) it holds that the file is still true.
"""

import json
import os
from collections.abc import Iterator

import pytest

from tests.stories.shapes import FILE, NEWEST, REQUESTS, asked, clear, differences, furnish

KNOWN = json.loads(FILE.read_text())
WORDS = ("VOLUME", "TOKEN", "PROJECT")


@pytest.fixture(scope="module")
def ids(target: str) -> Iterator[dict[str, str]]:
    """What the requests look at."""
    words = {word: os.environ[word] for word in WORDS}
    made = furnish(words)
    yield made
    clear(words, made)


@pytest.mark.parametrize("path", REQUESTS)
def test_the_shape_is_cinders_at_every_microversion(path: str, ids: dict[str, str]) -> None:
    words = {word: os.environ[word] for word in WORDS}
    wrong = []
    for minor in range(REQUESTS[path], NEWEST + 1):
        real = next(shape for first, shape in reversed(KNOWN[path]) if first <= minor)
        wrong += [f"3.{minor} {d}" for d in differences(real, asked(words, path.format(**ids), minor), path)]
    assert not wrong, "\n".join(wrong[:20])
