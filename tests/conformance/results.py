"""Reads what a Tempest run has left in its workspace: one outcome per test."""

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from lab.settings import BIN as LAB_BIN


def outcomes(folder: Path) -> dict[str, str]:
    """name -> 'success', 'fail' or 'skip', of the workspace's last run. A class that fails or skips as a whole counts
    under its own name, as `setUpClass (...)`, and its tests are not in the answer."""
    stream = subprocess.run(
        [str(LAB_BIN / "stestr"), "last", "--subunit"], cwd=folder, capture_output=True, check=False
    ).stdout
    xml = subprocess.run([str(LAB_BIN / "subunit2junitxml")], input=stream, capture_output=True, check=False).stdout
    found: dict[str, str] = {}
    for case in ElementTree.fromstring(xml).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".removeprefix(".")
        name = name.partition("[")[0]
        kinds = {child.tag for child in case}
        found[name] = "fail" if kinds & {"failure", "error"} else "skip" if "skipped" in kinds else "success"
    return found
