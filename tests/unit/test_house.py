"""The house's own rules, counted: sizes, names, and that no route is without policy, story and documentation."""

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from docs import operations as operations_page
from docs import routes as routes_page
from vregion.api.http import Route
from vregion.api.policy import PERSONAS
from vregion.api.service import MethodNotAllowed, Table
from vregion.app import SERVICES
from vregion.model.refusals import NotFound

ROOT = Path(__file__).parents[2]
WORDS = {"compute": "COMPUTE", "network": "NETWORK", "block-storage": "VOLUME", "image": "IMAGE"}
PYTHON = [p for room in ("vregion", "tests", "lab", "bench") for p in sorted((ROOT / room).rglob("*.py"))]
OURS = [p for p in PYTHON if p.is_relative_to(ROOT / "vregion")]
NAMELESS = {"utils", "util", "common", "helpers", "helper", "base", "manager", "managers", "misc"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_a_file_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 500
    assert path.stem not in NAMELESS
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module begins with what part it plays"


@pytest.mark.parametrize("path", OURS, ids=name)
def test_functions_are_short_and_take_few_things(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            arguments = [a.arg for a in node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")]
            assert lines <= 60, f"{node.name}: {lines} lines"
            assert len(arguments) <= 9, f"{node.name}: {arguments}"


@pytest.mark.parametrize("path", OURS, ids=name)
def test_nothing_is_left_for_others(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", path.read_text())


def routes() -> list[tuple[str, ModuleType, Route]]:
    return [(service, module, route) for service, (module, _) in SERVICES.items() for route in module.ROUTES]


def label(item: object) -> str:
    return f"{item.method} {item.path}" if isinstance(item, Route) else str(getattr(item, "__name__", item))


@pytest.mark.parametrize(("service", "module", "route"), routes(), ids=label)
def test_every_route_has_a_policy(service: str, module: ModuleType, route: Route) -> None:
    assert module.RULES[route.policy] in PERSONAS


def test_few_routes_that_change_something_are_open_to_readers() -> None:
    """Their handlers ask for a rule once they know what is wanted; stories and differential requests hold them to it.

    A keypair is its user's own. The table of operations refuses by itself.
    """
    open_to_readers = {
        f"{route.method} {route.path}"
        for module, _ in SERVICES.values()
        for route in getattr(module, "HANDLED", module.ROUTES)
        if route.method not in ("GET", "HEAD") and module.RULES[route.policy] in ("any", "reader")
    }
    assert open_to_readers == {
        "POST /attachments/{id}/action",
        "PUT /default-types/{project_id}",
        "DELETE /default-types/{project_id}",
        "POST /flavors/{id}/action",
        "POST /groups/action",
        "POST /groups/{id}/action",
        "DELETE /images/{id}",
        "POST /images/{id}/metadata",
        "PUT /images/{id}/metadata",
        "PUT /images/{id}/metadata/{key}",
        "DELETE /images/{id}/metadata/{key}",
        "POST /os-keypairs",
        "DELETE /os-keypairs/{name}",
        "POST /os-volumes_boot/{id}/action",
        "POST /servers/{id}/action",
        "POST /volumes/{id}/action",
    }


def told() -> dict[str, set[tuple[str, str]]]:
    """Which (method, path template) the stories of each service ask for."""
    tables = {service: Table(module.ROUTES) for service, (module, _) in SERVICES.items()}
    found: dict[str, set[tuple[str, str]]] = {service: set() for service in SERVICES}
    for story in (ROOT / "tests/stories").glob("*/*.yaml"):
        for step in yaml.safe_load(story.read_text())["tests"]:
            method, url = asked(step)
            for service, word in WORDS.items():
                start = f"$ENVIRON['{word}']"
                if url.startswith(start):
                    path = re.sub(r"\$\w+(\['[^']*'\])?(\.\$\w+\[[^\]]*\])?", "x", url.removeprefix(start))
                    try:
                        methods, _ = tables[service].find(path.partition("?")[0])
                    except (NotFound, MethodNotAllowed):
                        continue
                    found[service] |= {(method, route.path) for route in methods.get(method, [])}
    return found


def asked(step: dict[str, object]) -> tuple[str, str]:
    """The method and URL of a story's step, in either of gabbi's spellings."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        if method in step:
            return method, str(step[method])
    return str(step.get("method", "GET")), str(step.get("url", ""))


def test_every_route_has_a_story() -> None:
    """What the table of operations refuses is asked for by tests/stories/test_operations.py."""
    stories = told()
    handled = [(s, r) for s, (module, _) in SERVICES.items() for r in getattr(module, "HANDLED", module.ROUTES)]
    missing = [f"{s}: {r.method} {r.path}" for s, r in handled if (r.method, r.path) not in stories[s]]
    assert not missing, "\n".join(missing)


def test_every_route_is_documented() -> None:
    assert routes_page.PAGE.read_text() == routes_page.page(), "python docs/routes.py"
    assert operations_page.PAGE.read_text() == operations_page.page(), "python docs/operations.py"


def test_one_noun_has_one_name() -> None:
    """A reconciler's file has a namesake in the region and in a driver."""
    nouns = {p.stem for p in (ROOT / "vregion/reconcile").glob("*.py")}
    nouns -= {"__init__", "loop", "work", "feed", "outcome", "recipe", "recipes"}
    for noun in nouns:
        assert (ROOT / f"vregion/region/{noun}.py").exists(), noun
        assert (ROOT / f"vregion/drivers/openstack/{noun}.py").exists(), noun
