"""`python -m tests.differential region1 [--seed N] [--count N] [--only REGEX] [--as WHO] [--known]`: the same to both.

Prints every kind of difference once, with how often it was seen and a request that shows it; exits 1 if there is any.
"""

import argparse
import random
import re
import sys
import tempfile
from pathlib import Path

from tests.differential.comparison import compared
from tests.differential.mutations import operations
from tests.differential.personas import PERSONAS, administrator
from tests.running import Running
from tests.stories.conftest import vregion_environment
from tests.stories.lab import lab_environment


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential")
    parser.add_argument("cloud", help="name in the lab's clouds.yaml")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", default="", help="operations whose 'SERVICE METHOD path' this finds")
    parser.add_argument("--as", dest="persona", choices=sorted(PERSONAS), default="member", help="who asks")
    parser.add_argument("--known", action="store_true", help="print what known.yaml lets pass, too")
    given = parser.parse_args()
    among = [one for one in operations() if re.search(given.only, one)]
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder)).start()
        try:
            ours = vregion_environment(running)
            with (
                administrator(given.cloud) as token,
                compared(lab_environment(given.cloud) | {"ADMIN": token}, ours, among, given.persona) as comparison,
            ):
                comparison.run(given.seed, given.count, among)
                print(comparison.report(known=given.known), flush=True)
        finally:
            running.stop()
    return bool(comparison.found)


if __name__ == "__main__":
    sys.exit(main())
