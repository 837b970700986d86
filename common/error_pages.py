"""What each error code means, for the pages that `doc_url` leads to and for the API's description."""

from dataclasses import dataclass

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "ehr_error",
    503: "api_error",
}


@dataclass(frozen=True)
class ErrorPage:
    """One code of contract §3: why it comes and what to do."""

    status: int
    cause: str
    fix: str

    @property
    def type(self) -> str:
        """The `error.type` that goes with the status."""
        return _TYPES.get(self.status, "invalid_request_error")


ERRORS = {
    "bad_request": ErrorPage(
        400,
        "A field or parameter is missing, unknown, of the wrong type or out of bounds. The field is in param.",
        "Correct that field. The message says what is accepted. Repeating the same request will not help.",
    ),
    "invalid_request": ErrorPage(
        400,
        "The same as bad_request, for everything under /patients. The field is in param.",
        "Correct that field. The message says what is accepted.",
    ),
    "unsupported_api_version": ErrorPage(
        400,
        "The Version header asks for a version that was never published.",
        "Send a published version, or leave the header out: then the version pinned on your key answers.",
    ),
    "oauth_state_expired": ErrorPage(
        400,
        "The patient came back from the portal more than 15 minutes after leaving for it.",
        "Let the patient try again. Nothing was shared.",
    ),
    "missing_api_key": ErrorPage(
        401,
        "The request has no Authorization header of the form Bearer mb_sk_….",
        "Send your API key in that header, from your server only.",
    ),
    "invalid_api_key": ErrorPage(
        401,
        "The key is not known here, or was revoked.",
        "Check that the whole key was copied and that it belongs to this server. A lost key cannot be shown "
        "again: create a new one.",
    ),
    "expired_api_key": ErrorPage(401, "The key's time is over.", "Create a new key and replace the old one."),
    "insufficient_scope": ErrorPage(
        403, "The key lacks the scope that the message names.", "Use a key that has it, or create one."
    ),
    "forbidden": ErrorPage(
        403, "This workspace may not do that.", "Check that you use the right workspace's key, sandbox or production."
    ),
    "resource_not_found": ErrorPage(
        404,
        "No such object exists in this workspace, or the address is wrong. Objects of other workspaces do not exist "
        "for you.",
        "Check the id, and that the key belongs to the workspace that made the object.",
    ),
    "not_found": ErrorPage(
        404,
        "The same as resource_not_found, for everything under /patients.",
        "Check the patient id; encode slashes and spaces in the URL.",
    ),
    "method_not_allowed": ErrorPage(
        405, "The path exists, but not with this HTTP method.", "Use one of the methods in the Allow header."
    ),
    "external_id_already_exists": ErrorPage(
        409,
        "A patient with this patient_id exists in the workspace.",
        "Read or update that patient, or choose another id.",
    ),
    "resource_conflict": ErrorPage(
        409,
        "The request contradicts one that was made before, or the object's state: to a webhook endpoint that is "
        "disabled nothing is sent.",
        "Read the object's present state and decide again. A webhook endpoint is switched on by a PATCH with status "
        "active.",
    ),
    "payload_too_large": ErrorPage(413, "The body is larger than 256 KB.", "Send less in one request."),
    "unsupported_media_type": ErrorPage(
        415, "The body is not JSON.", "Send JSON with the header Content-Type: application/json."
    ),
    "throttled": ErrorPage(
        429,
        "Too many requests in a short time, or the same thing asked for again too soon, such as a redelivery.",
        "Wait as many seconds as the Retry-After header says.",
    ),
    "quota_exceeded": ErrorPage(
        429,
        "The workspace has as many of something as it may have, such as 100 webhook endpoints.",
        "Delete what is not needed. Waiting does not help by itself.",
    ),
    "internal_error": ErrorPage(
        500,
        "Something broke on our side. It is in our logs under the request id.",
        "Report the request id to whoever runs this server.",
    ),
    "fhir_error": ErrorPage(502, "A portal's FHIR server answered with an error.", "Try again later."),
    "oauth_error": ErrorPage(502, "A portal's sign-in server answered with an error.", "Let the patient try again."),
    "token_exchange_failed": ErrorPage(
        502, "A portal refused to give access after the patient signed in.", "Let the patient try again."
    ),
    "token_unavailable": ErrorPage(
        502, "Access to a portal could not be renewed.", "Ask the patient to connect this source again."
    ),
    "service_unavailable": ErrorPage(
        503, "This server cannot answer right now.", "Try again after as many seconds as Retry-After says."
    ),
}
