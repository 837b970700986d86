import pytest

from sandbox import scopes
from sandbox.manners import Manners
from sandbox.systems import SYSTEMS

RIVERSIDE, _, EVERGREEN, _ = SYSTEMS


def test_what_is_unknown_is_left_out_and_order_kept():
    asked = ["openid", "patient/*.rs", "fhirUser", "launch/patient", "system/*.rs", "patient/*.rs", "user/*.read"]

    assert scopes.grantable(RIVERSIDE, asked) == ["patient/*.rs", "launch/patient"]


@pytest.mark.parametrize("scope", ["patient/Observation.rs", "patient/Observation.read", "patient/Observation.r"])
def test_a_type_that_the_system_does_not_have_is_not_granted(scope):
    assert scopes.grantable(EVERGREEN, [scope]) == []
    assert scopes.grantable(RIVERSIDE, [scope]) == [scope]


@pytest.mark.parametrize(
    "scope",
    [
        "patient/*.cruds",
        "patient/*.write",
        "patient/*.*",
        "patient/*.sr",
        "patient/*",
        "patient/Observation.rs?category=x",
    ],
)
def test_scopes_beyond_reading_are_not_granted(scope):
    assert scopes.grantable(RIVERSIDE, [scope]) == []


@pytest.mark.parametrize(
    ("scope", "reads", "searches"),
    [
        ("patient/*.rs", True, True),
        ("patient/*.read", True, True),
        ("patient/Condition.r", True, False),
        ("patient/Condition.s", False, True),
        ("patient/Observation.rs", False, False),
        ("launch/patient", False, False),
    ],
)
def test_a_scope_allows_what_its_letters_say(scope, reads, searches):
    assert scopes.allows([scope], "Condition", scopes.READ) is reads
    assert scopes.allows([scope], "Condition", scopes.SEARCH) is searches


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.slug)
def test_everything_announced_and_registered_is_granted(system):
    announced, registered = scopes.supported(system), system.scopes.split()

    assert scopes.grantable(system, announced) == announced
    assert scopes.grantable(system, registered) == registered


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("patient/*.rs", ["patient/Patient.rs", "patient/Condition.rs"]),
        ("patient/*.read", ["patient/Patient.read", "patient/Condition.read"]),
        ("patient/Condition.r", ["patient/Condition.r"]),
        ("patient/Condition.rs patient/*.rs", ["patient/Condition.rs", "patient/Patient.rs"]),
        ("patient/Observation.rs", []),
        ("launch/patient offline_access", ["launch/patient", "offline_access"]),
    ],
)
def test_a_portal_that_shares_some_types_only_grants_those_of_what_is_asked(asked, granted):
    manners = Manners(shares=("Patient", "Condition", "Coverage"))

    assert scopes.granted(RIVERSIDE, asked.split(), manners) == granted
