"""Runs Tempest's list of required tests on a bare region, then through vregion: with no zone, and once per zone.

`required.txt` holds the tests that a powered cloud must pass. A test that the bare region does not pass is no measure;
every other one that vregion does not pass is a regression, and is named. Needs the lab. Prints Markdown.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from lab import tempest as baseline_workspace
from lab.regions import known_one
from lab.settings import BIN as LAB_BIN
from lab.settings import STATE as LAB_STATE
from tests.conformance.results import outcomes
from tests.conformance.workspace import Workspace
from tests.e2e.rig import Rig

REQUIRED = Path(__file__).with_name("required.txt")
KEPT = Path("docs/reference/conformance.md")


def tempest(folder: Path, tests: list[str], workers: int) -> dict[str, str]:
    """Run these tests in a workspace; name -> 'success', 'fail' or 'skip'."""
    listed = folder / "include.txt"
    listed.write_text("".join(f"^{re.escape(test)}\\[\n" for test in tests))
    command = [str(LAB_BIN / "tempest"), "run", "--include-list", str(listed), "--concurrency", str(workers)]
    with (folder / "run.log").open("w") as log:
        subprocess.run(
            command, cwd=folder, stdout=log, stderr=log, check=False, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        )
    return outcomes(folder / "run.log")


def bare(tests: list[str], workers: int) -> dict[str, str]:
    """The baseline: region 1 as it is."""
    region = known_one(1)
    baseline_workspace.workspace(region)
    return tempest(LAB_STATE / f"tempest{region.number}", tests, workers)


def compare(name: str, baseline: dict[str, str], product: dict[str, str]) -> list[str]:
    """The report of one run."""
    passed = {t for t, outcome in baseline.items() if outcome == "success"}
    ours = {t for t in passed if product.get(t) == "success"}
    counts = Counter(product.values())
    lines = [f"## {name}", "", f"{len(ours)} of the {len(passed)} that the bare region passes ({dict(counts)})", ""]
    for test in sorted(passed - ours):
        lines.append(f"- `{test}`: {product.get(test, 'not run')}")
    return [*lines, ""]


def main() -> None:
    """Run what is asked for, print and keep the report."""
    parser = argparse.ArgumentParser(prog="conformance")
    parser.add_argument("--match", default=".", help="only tests whose name matches this expression")
    parser.add_argument("--runs", default="none,az1,az2", help="zones to run in; 'none': no zone is named")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--baseline", type=Path, help="read, or keep, the baseline's outcomes in this file")
    given = parser.parse_args()
    tests = [t for t in REQUIRED.read_text().split() if re.search(given.match, t)]
    if given.baseline and given.baseline.exists():
        baseline: dict[str, str] = json.loads(given.baseline.read_text())
        baseline = {t: o for t, o in baseline.items() if t in set(tests)}
    else:
        baseline = bare(tests, given.workers)
        if given.baseline:
            given.baseline.write_text(json.dumps(baseline, indent=0))
    report = [
        "# Conformance",
        "",
        f"Tempest's {len(tests)} required tests; on the bare region {dict(Counter(baseline.values()))}.",
        "",
    ]
    folder = LAB_STATE / "conformance"  # its logs stay for whoever asks why
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as state:
        rig = Rig(Path(state))
        try:
            rig.start()
            for zone in given.runs.split(","):
                workspace = Workspace(rig, folder / f"tempest-{zone}", "" if zone == "none" else zone)
                product = tempest(workspace.write(), tests, given.workers)
                report += compare(f"Zone: {zone}", baseline, product)
        finally:
            rig.stop()
    print("\n".join(report))
    if given.match == ".":
        KEPT.write_text("\n".join(report))


if __name__ == "__main__":
    main()
