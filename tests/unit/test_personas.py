"""What the differential requests know of the tables of operations: who may do what, and what is nobody's."""

import pytest

from tests.differential.mutations import ABSENT, Asked
from tests.differential.personas import designed, line, unlike
from tests.differential.sides import Answer

FORBIDDEN = Answer(
    403, {"forbidden": {"message": "Policy doesn't allow os_compute_api:os-hypervisors:list to be performed."}}
)


def asked(operation: str, body: object = ABSENT, version: str = "") -> Asked:
    service, method, path = operation.split(" ")
    return Asked(operation, method, service, path, body, microversion=version)


@pytest.mark.parametrize(
    ("request_", "persona", "answer"),
    [
        (asked("COMPUTE GET /os-hypervisors"), "admin", 403),
        (asked("COMPUTE POST /servers/$SERVER/action", {"os-resetState": {"state": "active"}}), "admin", 403),
        (asked("COMPUTE POST /servers/$SERVER/action", {"lock": None}), "member", None),
        (asked("VOLUME GET /types/default"), "reader", None),
        (asked("NETWORK POST /qos/policies", {"policy": {}}), "manager", None),
        (asked("IMAGE POST /metadefs/namespaces", {}), "admin", None),
    ],
)
def test_an_operation_is_found_in_its_table(request_: Asked, persona: str, answer: int | None) -> None:
    found = line(request_)
    assert found is not None
    assert (found.persona, found.answer) == (persona, answer)


def test_what_is_not_there_at_a_version_is_in_no_table() -> None:
    assert line(asked("VOLUME GET /group_types", version="volume 3.10")) is None
    assert line(asked("VOLUME GET /group_types", version="volume 3.11")) is not None
    assert line(asked("NETWORK GET /nope")) is None


def test_a_refusal_must_be_the_tables_own() -> None:
    found = line(asked("COMPUTE GET /os-hypervisors"))
    assert found is not None
    assert unlike(found, FORBIDDEN) == []
    assert unlike(found, Answer(403, {"forbidden": {"message": "No."}})) == [
        'status 403 in the table, 403 here: {"forbidden": {"message": "No."}}'
    ]
    assert designed(found, "admin", Answer(200, {}), FORBIDDEN)


def test_who_is_below_may_be_refused_before_his_body_is_read_and_nobody_else() -> None:
    found = line(asked("NETWORK POST /networks", {}))
    assert found is not None
    assert designed(found, "reader", Answer(400, ""), Answer(403, ""))
    assert not designed(found, "reader", Answer(403, "a"), Answer(403, "b"))  # the words are compared
    assert not designed(found, "reader", Answer(201, ""), Answer(403, ""))
    assert not designed(found, "reader", Answer(400, ""), Answer(404, ""))
    assert not designed(found, "member", Answer(400, ""), Answer(403, ""))
