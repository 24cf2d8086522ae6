"""Runs a list of Tempest's tests on a bare region, then through vregion: with no zone, and once per zone.

`required.txt` holds the tests that a powered cloud must pass; `--list api` stands for every test of the compute, image,
network and volume API that is a tenant's, `--list scenario` for those that log in to servers to see what networks
carry, on a lab with switches (most of the others write to disks, and its servers have none). A test that the bare
region does not pass is no measure; every other one that vregion does not pass is a regression, and is named. Needs the
lab. Prints Markdown, and keeps it under docs/reference/.
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
from tests.conformance.internet import internet
from tests.conformance.results import outcomes
from tests.conformance.workspace import Workspace
from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig
from tests.inventory import lab_clouds

REQUIRED = Path(__file__).with_name("required.txt")
TITLES = {
    "required": "Tempest's required tests",
    "api": "Tempest's tests of the tenant's APIs",
    "scenario": "Tempest's scenarios",
}
NAMES = {
    "api": re.compile(r"tempest\.api\.(compute|image|network|volume)\.(?!.*admin\.)"),
    "scenario": re.compile(
        r"tempest\.scenario\.test_(network_basic_ops|network_v6|security_groups_basic_ops|server_basic_ops)\."
    ),
}


def named(which: str) -> list[str]:
    """The tests of a list."""
    if which == "required":
        return REQUIRED.read_text().split()
    folder = baseline_workspace.workspace(known_one(1))
    command = [str(LAB_BIN / "tempest"), "run", "--list-tests"]
    listed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env=environ(folder)).stdout
    return [line.split("[")[0] for line in listed.splitlines() if NAMES[which].match(line)]


def environ(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}


def tempest(cloud: Cloud, folder: Path, tests: list[str], workers: int) -> dict[str, str]:
    """Run these tests in a workspace for that cloud; name -> 'success', 'fail' or 'skip'."""
    listed = folder / "include.txt"
    listed.write_text("".join(f"^{re.escape(test)}\\[\n" for test in tests))
    command = [str(LAB_BIN / "tempest"), "run", "--include-list", str(listed), "--concurrency", str(workers)]
    with (folder / "run.log").open("w") as log, internet(cloud) as there:
        subprocess.run([*there, *command], cwd=folder, stdout=log, stderr=log, check=False, env=environ(folder))
    return outcomes(folder / "run.log")


def bare(tests: list[str], workers: int) -> dict[str, str]:
    """The baseline: region 1 as it is."""
    region = known_one(1)
    cloud = Cloud(lab_clouds()[f"{region.name}-admin"]["auth"], region.name)
    return tempest(cloud, baseline_workspace.workspace(region), tests, workers)


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
    parser.add_argument("--list", choices=list(TITLES), default="required", help="which tests")
    parser.add_argument("--match", default=".", help="only tests whose name matches this expression")
    parser.add_argument("--runs", default="none,az1,az2", help="zones to run in; 'none': no zone is named")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="Tempest makes its accounts itself; no networks")
    parser.add_argument("--baseline", type=Path, help="read, or keep, the baseline's outcomes in this file")
    given = parser.parse_args()
    tests = [t for t in named(given.list) if re.search(given.match, t)]
    if given.baseline and given.baseline.exists():
        baseline: dict[str, str] = json.loads(given.baseline.read_text())
        baseline = {t: o for t, o in baseline.items() if t in set(tests)}
    else:
        baseline = bare(tests, given.workers)
        if given.baseline:
            given.baseline.write_text(json.dumps(baseline, indent=0))
    measure = [t for t in tests if baseline.get(t) == "success"]
    if not measure:  # for Tempest an empty list means all tests
        parser.exit(1, f"the bare region passes none of these: {dict(Counter(baseline.values()))}\n")
    report = [
        f"# {TITLES[given.list]}",
        "",
        f"{len(tests)} tests; on the bare region {dict(Counter(baseline.values()))}.",
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
                workspace = Workspace(rig, folder / f"tempest-{zone}", "" if zone == "none" else zone, given.alone)
                product = tempest(rig.tenant(), workspace.write(), measure, given.workers)
                report += compare(f"Zone: {zone}", baseline, product)
        finally:
            rig.stop()
    print("\n".join(report))
    if given.match == ".":
        Path(f"docs/reference/tempest-{given.list}.md").write_text("\n".join(report))


if __name__ == "__main__":
    main()
