"""For each error code a request and the error it gets. Tests send the requests and compare the errors."""

import json
from dataclasses import dataclass, field
from typing import Any

from common.error_pages import ERRORS
from common.errors import doc_url

KEY = "mb_sk_live_…"
REQUEST_ID = "6f1d8c0e-3b52-4f0a-9a77-2f6d5a0c41be"


@dataclass(frozen=True)
class Example:
    """A request, and what the error says of it. `path` is empty where no request of an app leads to the error."""

    message: str
    method: str = "GET"
    path: str = ""
    param: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {KEY}"})
    body: str = ""

    def envelope(self, code: str) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "error": {
                "type": ERRORS[code].type,
                "code": code,
                "message": self.message,
                "param": self.param,
                "doc_url": doc_url(code),
                "request_id": REQUEST_ID,
            }
        }

    def answer_text(self, code: str) -> str:
        """The answer's body, for people."""
        return json.dumps(self.envelope(code), ensure_ascii=False, indent=2)

    def request_text(self) -> str:
        """The request as it goes over the wire, without what clients add by themselves; "" where there is none."""
        if not self.path:
            return ""
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\n".join([*lines, "", self.body] if self.body else lines)


def _post(path: str, body: str, message: str, param: str | None = None, **more: str) -> Example:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"} | more
    return Example(message=message, method="POST", path=path, param=param, headers=headers, body=body)


EXAMPLES = {
    "bad_request": _post("/patient-flows", '{"patient_id": "user-1842"}', "This field is required.", "return_url"),
    "invalid_request": _post(
        "/patients",
        '{"patient_id": "user-1842", "email": "jane at example"}',
        "This is not an email address.",
        "email",
    ),
    "unsupported_api_version": Example(
        "This API has no such version. Published: 2026-04-25.",
        path="/patients",
        headers={"Authorization": f"Bearer {KEY}", "Version": "2031-01-01"},
    ),
    "oauth_state_expired": Example("The sign-in took longer than 15 minutes. Let the patient start again."),
    "missing_api_key": Example(
        "Send your API key in the Authorization header: Bearer mb_sk_…", path="/patients", headers={}
    ),
    "invalid_api_key": Example(
        "This API key is not known, or was revoked.",
        path="/patients",
        headers={"Authorization": "Bearer mb_sk_live_mistyped"},
    ),
    "expired_api_key": Example("This API key has expired. Create a new one.", path="/patients"),
    "insufficient_scope": Example("This key lacks the scope patients:read.", path="/patients"),
    "forbidden": Example("This address takes no such request."),
    "resource_not_found": Example(
        "There is no flow with this id.", path="/patient-flows/pf_01JSP5Y0A1B2C3D4E5F6G7H8J9"
    ),
    "not_found": Example("There is no patient with this id.", path="/patients/nobody"),
    "method_not_allowed": Example("Method PATCH is not allowed on this path.", method="PATCH", path="/patients"),
    "external_id_already_exists": _post(
        "/patients", '{"patient_id": "user-1842"}', "There is a patient with this id already.", "patient_id"
    ),
    "resource_conflict": _post(
        "/patients",
        '{"patient_id": "user-1843"}',
        "This Idempotency-Key was used for another request. Use a new one for each thing you do.",
        "Idempotency-Key",
        **{"Idempotency-Key": "5c0e9f8a-create-user-1842"},
    ),
    "payload_too_large": _post("/patient-flows", "…more than 256 KB…", "The body is larger than 256 KB."),
    "unsupported_media_type": _post(
        "/patient-flows",
        "patient_id=user-1842",
        "Send the body as JSON, with Content-Type: application/json.",
        **{"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "throttled": Example("Too many requests. Try again in 1 s.", path="/patients"),
    "quota_exceeded": _post(
        "/webhooks",
        '{"url": "https://app.example.com/webhooks", "events": ["*"]}',
        "The workspace has 100 webhook endpoints. Delete one that is not needed.",
    ),
    "internal_error": Example("Something broke on our side. It has been logged with this request id."),
    "fhir_error": Example("The portal's FHIR server answered with an error. Try again later."),
    "oauth_error": Example("The portal's sign-in server answered with an error. Let the patient try again."),
    "token_exchange_failed": Example("The portal gave no access after the patient signed in."),
    "token_unavailable": Example("Access to the portal could not be renewed. Ask the patient to connect again."),
    "service_unavailable": Example("The service is briefly unavailable. Try again in a few seconds."),
}
