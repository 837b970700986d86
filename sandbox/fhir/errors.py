"""What the FHIR server answers when it cannot answer.

FhirError               `status`, FHIR's issue code, a sentence
├── NotUnderstood  400  invalid: a search parameter makes no sense
│   ├── Unknown         not-supported: a strict server does not know the parameter
│   └── Incomplete      required: this server wants another parameter with it
├── Unauthorized   401  login: no token
│   └── InvalidToken    login: a token that does not work here, or no longer
├── Forbidden      403  forbidden: the scope, or the patient, is not this token's
├── NotFound       404  not-found: not here, or not for this token
├── MethodRefused  405  not-supported: this server only reads
├── TooManyRequests 429 throttled: says when to ask again
└── Unavailable    503  transient: the server is down
"""

from datetime import timedelta
from typing import Any


class FhirError(Exception):
    status = 500
    code = "exception"

    @property
    def headers(self) -> dict[str, str]:
        return {}


class NotUnderstood(FhirError):
    status, code = 400, "invalid"


class Unknown(NotUnderstood):
    code = "not-supported"


class Incomplete(NotUnderstood):
    code = "required"


class Unauthorized(FhirError):
    status, code = 401, "login"
    challenge = 'Bearer realm="fhir"'

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": self.challenge}


class InvalidToken(Unauthorized):
    challenge = 'Bearer realm="fhir", error="invalid_token"'


class Forbidden(FhirError):
    status, code = 403, "forbidden"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="fhir", error="insufficient_scope"'}


class NotFound(FhirError):
    status, code = 404, "not-found"


class MethodRefused(FhirError):
    status, code = 405, "not-supported"

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": "GET, HEAD"}


class TooManyRequests(FhirError):
    status, code = 429, "throttled"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(round(self.retry_after.total_seconds()))}


class Unavailable(FhirError):
    status, code = 503, "transient"


def operation_outcome(error: FhirError) -> dict[str, Any]:
    issue = {"severity": "error", "code": error.code, "diagnostics": str(error)}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
