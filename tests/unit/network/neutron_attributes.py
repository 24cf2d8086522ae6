"""What attributes the real Neutron's resources have, by its own definitions: writes the JSON file beside this one.

Run it as a program with a Python that has neutron and neutron-lib, as the lab's has; the file is of neutron 29.0.0.
test_attributes.py holds our tables to it. Each attribute: the extension that it is of, then whether a create and an
update may give it, whether it is a filter, and whether lists are sorted by it.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = Path(__file__).with_suffix(".json")
_IN_NEUTRON = ("neutron.extensions.securitygroup", "neutron.extensions.rbac")
_SAYS = ("allow_post", "allow_put", "is_filter", "is_sort_key")


def definitions() -> list[ModuleType]:
    """Every module that defines attributes; the resources' own come first."""
    package = importlib.import_module("neutron_lib.api.definitions")
    names = [f"neutron_lib.api.definitions.{found.name}" for found in pkgutil.iter_modules(package.__path__)]
    first = [f"neutron_lib.api.definitions.{name}" for name in ("network", "subnet", "port", "subnetpool", "l3")]
    return [importlib.import_module(name) for name in (*first, *_IN_NEUTRON, *names)]


def attributes(modules: list[ModuleType]) -> dict[str, dict[str, Any]]:
    """Collection -> attribute -> [extension, post, put, filter, sort]."""
    found: dict[str, dict[str, Any]] = {}
    for module in modules:
        alias = getattr(module, "ALIAS", "") or ""
        maps = dict(getattr(module, "RESOURCE_ATTRIBUTE_MAP", None) or {})
        for collection, below in (getattr(module, "SUB_RESOURCE_ATTRIBUTE_MAP", None) or {}).items():
            maps[collection] = below.get("parameters") or {}
        for collection, table in maps.items():
            for name, says in (table or {}).items():
                told = [alias, *(bool(says.get(key)) for key in _SAYS)]
                found.setdefault(collection, {}).setdefault(name, told)
    return found


def main(collections: list[str]) -> None:
    """Write the file for these collections, one attribute a line."""
    found = attributes(definitions())
    lines = []
    for collection in collections:
        rows = [f"  {json.dumps(name)}: {json.dumps(found[collection][name])}" for name in sorted(found[collection])]
        lines.append(f'"{collection}": {{\n' + ",\n".join(rows) + "\n}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:] or list(json.loads(FILE.read_text())))
