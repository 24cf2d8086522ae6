"""Which roles a grant needs, where one implies another."""

import pytest

from vregion.identity.roles import Roles

ROLES = [{"name": name, "id": name[:2]} for name in ("admin", "manager", "member", "reader")]


def _roles(*rules: tuple[str, str]) -> Roles:
    inferences = [{"prior_role": {"name": prior}, "implies": [{"name": implied}]} for prior, implied in rules]
    return Roles.parse(ROLES, inferences)


@pytest.mark.parametrize(
    ("rules", "needed"),
    [
        ((), ["ma", "me", "re"]),
        ((("manager", "member"), ("member", "reader")), ["ma"]),
        ((("member", "reader"),), ["ma", "me"]),
        ((("manager", "reader"),), ["ma", "me"]),
        ((("reader", "manager"), ("manager", "member"), ("member", "reader")), ["ma"]),
        ((("admin", "manager"), ("admin", "reader")), ["ma", "me", "re"]),
    ],
)
def test_what_another_implies_is_not_granted(rules: tuple[tuple[str, str], ...], needed: list[str]) -> None:
    assert _roles(*rules).needed(("manager", "member", "reader")) == needed


def test_the_order_decides_what_is_kept() -> None:
    assert _roles(("manager", "reader")).needed(("reader", "manager")) == ["re", "ma"]
