"""compute.py [ARG...]: nova-compute that finds the lab's virt drivers.

Nova looks a compute_driver up inside nova.virt only, so plugins/nova_virt is added to that package's path. It runs
in the services' virtualenv; everything else is the package's own program.
"""

import sys
from pathlib import Path

import nova.virt

nova.virt.__path__.append(str(Path(__file__).resolve().parent.parent / "plugins" / "nova_virt"))

from nova.cmd.compute import main  # noqa: E402  (the path above comes first)

if __name__ == "__main__":
    sys.argv[0] = "nova-compute"
    sys.exit(main())
