"""What a provider's policy file may say."""

import subprocess
import sys
from pathlib import Path

CHECK = """
import sys
from types import SimpleNamespace
from vregion.api.policy import Policy
policy = Policy({"asked": "reader", "plain": "reader"}, sys.argv[1])
caller = SimpleNamespace(roles=frozenset({"reader", "ops"}), project_id="p", user_id="u")
print(policy.check("asked", caller), policy.check("plain", caller), "requests" in sys.modules)
"""


def test_a_check_by_http_passes_nobody_and_loads_nothing(tmp_path: Path) -> None:
    """In a process of its own: the tests themselves use requests."""
    file = tmp_path / "policy.yaml"
    file.write_text('"asked": "http://127.0.0.1:9/check"\n"plain": "role:ops"\n')
    told = subprocess.run([sys.executable, "-c", CHECK, str(file)], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "True", "False"]
