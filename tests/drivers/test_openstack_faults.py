"""What answers mean: bodies as the services of the lab gave them, and those of things that are not the service."""

import pytest

from vregion.drivers.contract import DriverError, Exhausted, Gone, Permanent, Transient
from vregion.drivers.openstack.faults import Reply, error_of, fault_of

OWN = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"


def nova(status: int, message: str, name: str = "itemNotFound") -> tuple[int, dict[str, object]]:
    """Nova's and Cinder's form."""
    return status, {name: {"code": status, "message": message}}


def neutron(status: int, kind: str, message: str) -> tuple[int, dict[str, object]]:
    """Neutron's form."""
    return status, {"NeutronError": {"type": kind, "message": message, "detail": ""}}


def webob(message: str) -> tuple[int, dict[str, object]]:
    """Glance's form, and that of middleware before any service."""
    return 404, {"message": f"{message}<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}


def judged(answer: tuple[int, dict[str, object] | None], method: str = "GET", **headers: str) -> DriverError:
    """The error that the answer means for the resource OWN."""
    return error_of(Reply(method, "http://service/path", answer[0], headers, answer[1]), OWN)


GONE = [
    nova(404, f"Instance {OWN} could not be found."),
    nova(404, f"Instance {OWN} has no mapping to a cell."),
    nova(404, f"Volume {OWN} could not be found."),
    neutron(404, "NetworkNotFound", f"Network {OWN} could not be found."),
    neutron(404, "SecurityGroupNotFound", f"Security group {OWN} does not exist"),
    webob(f"No image found with ID {OWN}"),
    webob(f"Image {OWN} not found."),
]
NOT_THE_SERVICE: list[tuple[int, dict[str, object] | None]] = [
    (404, None),
    (404, {"detail": "Not Found"}),
    webob("The resource could not be found."),
    neutron(404, "HTTPNotFound", "The resource could not be found."),
    (302, None),
    (502, None),
    nova(500, "Unexpected API Error.", "computeFault"),
    nova(401, "The request you have made requires authentication.", "error"),
]
SOMETHING_ELSE = [
    nova(404, f"Volume {OTHER} could not be found."),
    nova(404, f"Active live migration for instance {OWN} not found"),
    nova(404, f"Network could not be found for instance {OWN}."),
    neutron(404, "SecurityGroupNotFound", f"Security group {OTHER} does not exist"),
    nova(400, "Invalid imageRef provided.", "badRequest"),
    nova(403, "Policy doesn't allow os_compute_api:servers:create to be performed.", "forbidden"),
    neutron(409, "IpAddressInUse", "Unable to complete operation for network."),
]
EXHAUSTED = [
    nova(403, "Quota exceeded for cores: Requested 1, but already used 4 of 4 cores", "forbidden"),
    nova(403, "Maximum number of ports exceeded", "forbidden"),
    nova(413, "Maximum number of volumes allowed (10) exceeded for quota 'volumes'.", "overLimit"),
    neutron(409, "OverQuota", "Quota exceeded for resources: ['port']."),
    neutron(409, "IpAddressGenerationFailureNoMatchingSubnet", "No more IP addresses available on network."),
]


@pytest.mark.parametrize("answer", GONE)
def test_the_services_own_404_for_our_id(answer: tuple[int, dict[str, object]]) -> None:
    assert type(judged(answer)) is Gone


@pytest.mark.parametrize("answer", NOT_THE_SERVICE)
def test_an_illness_is_never_the_end_of_a_resource(answer: tuple[int, dict[str, object] | None]) -> None:
    error = judged(answer)
    assert type(error) is Transient
    assert error.reachable


@pytest.mark.parametrize("answer", SOMETHING_ELSE)
def test_a_refusal_keeps_status_and_words(answer: tuple[int, dict[str, object]]) -> None:
    error = judged(answer)
    fault = fault_of(answer[1])
    assert fault is not None
    assert type(error) is Permanent
    assert (error.status, error.message) == (answer[0], fault.message)


@pytest.mark.parametrize("answer", EXHAUSTED)
def test_quota_in_three_dialects(answer: tuple[int, dict[str, object]]) -> None:
    assert type(judged(answer)) is Exhausted


def test_what_passes_by_itself() -> None:
    building = nova(409, f"Cannot 'update' instance {OWN} while it is in vm_state building", "conflictingRequest")
    in_use = neutron(409, "NetworkInUse", "There are one or more ports still in use on the network.")
    attached = nova(400, "Invalid volume: Volume status must be available or error.", "badRequest")
    assert type(judged(building)) is Transient
    assert type(judged(in_use, "DELETE")) is Transient
    assert type(judged(in_use, "PUT")) is Permanent
    assert type(judged(attached, "DELETE")) is Transient
    assert type(judged(attached, "POST")) is Permanent


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None)])
def test_retry_after(value: str, seconds: float | None) -> None:
    error = judged((429, None), **{"Retry-After": value})
    assert isinstance(error, Transient)
    assert error.after == seconds
