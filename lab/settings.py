"""Where the lab lives and which ports the two shared daemons take.

Everything in the lab reads this module; the environment sets it once, at start:
LAB_HOME (virtualenvs), LAB_STATE (databases, configuration, logs, pid files), LAB_SLOT (lets several labs run side
by side: other addresses, other ports). It never looks at what is running.
"""

import os
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNTIME = HERE / "runtime"
PLUGINS = HERE / "plugins"
HOME = Path(os.environ.get("LAB_HOME", "/opt/lab"))
STATE = Path(os.environ.get("LAB_STATE", "/var/tmp/lab"))
SLOT = int(os.environ.get("LAB_SLOT", "0"))
VENV = HOME / "venv"
BIN = VENV / "bin"
LOGS = STATE / "log"
PIDS = STATE / "run"
SNAPSHOTS = STATE / "snap"
TEMPLATE = STATE / "template.sql"
SECRET = "lab"  # of the database and the bus; the regions have passwords of their own
DB_PORT = 13306 + 10 * SLOT
BUS_PORT = 15673 + 10 * SLOT
BUS_DIST_PORT = 15674 + 10 * SLOT
EPMD_PORT = 14369 + 10 * SLOT
BORN = time.time()


def say(text: str) -> None:
    """One line of progress, with the seconds since this program began."""
    print(f"{time.time() - BORN:6.1f}s {text}", flush=True)
