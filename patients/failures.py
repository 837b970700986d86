"""What a failure code means, in words for staff. What patients read is in picker/presenters.py."""

from patients.models import FailureCode

STAFF_WORDS: dict[str, str] = {
    FailureCode.USER_DENIED: "The patient said no at the portal.",
    FailureCode.OAUTH_CALLBACK_FAILED: "The portal sent the patient back with an error.",
    FailureCode.OAUTH_STATE_EXPIRED: "The patient came back more than 15 minutes after leaving for the portal.",
    FailureCode.TOKEN_EXCHANGE_FAILED: "The portal refused to exchange the code for tokens.",
    FailureCode.INVALID_TOKEN_RESPONSE: "The portal's token answer cannot be used.",
    FailureCode.PORTAL_UNREACHABLE: "The portal did not answer.",
    FailureCode.DISCOVERY_FAILED: "The portal does not say in a usable way where to sign in.",
    FailureCode.MISSING_PATIENT_CONTEXT: "The portal gave tokens but did not say for which patient.",
    FailureCode.REFRESH_REJECTED: "The portal no longer renews access: the patient has to connect again.",
}
