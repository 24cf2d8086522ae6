"""Writes docs/reference/routes.md from the code: every route with its rule, who may use it, and its microversions.

`python docs/routes.py` writes it; tests/unit/test_house.py holds that it is up to date.
"""

from pathlib import Path

from vregion.app import SERVICES

PAGE = Path(__file__).parent / "reference" / "routes.md"
HEAD = """\
# Routes

Every route of the tenant's API, as the code has it. The persona is the least that a caller needs in his project;
`nobody` is refused to the region's own admin too, because it is the provider's. A route outside its microversions
answers 404.
"""


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    for service, (module, prefix) in SERVICES.items():
        parts.append(
            f"\n## {service}: `/{service}{prefix}`\n\n| Route | Rule | Persona | Microversions |\n|---|---|---|---|\n"
        )
        for route in module.ROUTES:
            window = f"{route.since or ''} - {route.until or ''}" if route.since or route.until else ""
            persona = module.RULES[route.policy]
            parts.append(f"| `{route.method} {route.path}` | `{route.policy}` | {persona} | {window} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
