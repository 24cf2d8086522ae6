"""Runs every story: one YAML file, one test. A story is a sequence of requests; a later one may use earlier answers."""

import unittest
from pathlib import Path

import pytest
import yaml
from gabbi import handlers, suitemaker

HERE = Path(__file__).parent
STORIES = sorted(HERE.glob("*/*.yaml"))
HANDLERS = [handler() for handler in handlers.RESPONSE_HANDLERS]
OURS = "zones"


@pytest.mark.parametrize("story", STORIES, ids=[str(s.relative_to(HERE).with_suffix("")) for s in STORIES])
def test_story(story: Path, target: str) -> None:
    if story.parent.name == OURS and target != "vregion":
        pytest.skip("a story about vregion itself")
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
