"""Runs every story: one YAML file, one test. A story is a sequence of requests; a later one may use earlier answers."""

import os
import unittest
from pathlib import Path

import pytest
import yaml
from gabbi import handlers, suitemaker

HERE = Path(__file__).parent
# The stories in `zones` are about vregion itself: a bare region is not told them.
BARE = "VREGION_STORIES" in os.environ
STORIES = sorted(story for story in HERE.glob("*/*.yaml") if not (BARE and story.parent.name == "zones"))
HANDLERS = [handler() for handler in handlers.RESPONSE_HANDLERS]


@pytest.mark.parametrize("story", STORIES, ids=[str(s.relative_to(HERE).with_suffix("")) for s in STORIES])
def test_story(story: Path, target: str) -> None:
    suite = suitemaker.test_suite_from_dict(
        unittest.TestLoader(),
        story.stem,
        yaml.safe_load(story.read_text()),
        str(story.parent),
        "localhost",
        1,
        None,
        None,
        handlers=HANDLERS,
    )
    result = unittest.TestResult()
    suite.run(result)
    troubles = [f"{case}: {text.strip().splitlines()[-1]}" for case, text in result.failures + result.errors]
    assert result.testsRun > 0
    assert not troubles, "\n".join(troubles)
