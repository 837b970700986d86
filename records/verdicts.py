"""What came of asking for a part of a record: a stable code for programs, words for staff."""

from django.db.models import TextChoices


class Verdict(TextChoices):
    """Why a part of a record is not, or not completely, here. Without one it is."""

    NOT_GRANTED = "not_granted", "not asked: the access does not cover it"
    NOT_SUPPORTED = "not_supported", "the portal has no such records"
    NOT_PERMITTED = "not_permitted", "the portal does not permit it"
    REFUSED = "refused", "the portal did not accept the question"
    GONE = "gone", "the portal says that it is gone"
    NOT_TAKEN = "not_taken", "the portal did not take our access, also after it was renewed"
    ACCESS_ENDED = "access_ended", "the access ended before it was read"
    RATE_LIMITED = "rate_limited", "the portal asked us to slow down, again and again"
    PORTAL_FAILED = "portal_failed", "the portal failed, again and again"
    UNREACHABLE = "unreachable", "the portal did not answer"
    TOO_LARGE = "too_large", "an answer was larger than we take"
    NOT_FHIR = "not_fhir", "the answer was no FHIR"
    OUTCOME = "outcome", "the portal answered with a problem in place of records"
    LOOP = "loop", "the portal's pages lead in a circle"
    ELSEWHERE = "elsewhere", "the next page is at another address than the portal's"
    TOO_MANY_PAGES = "too_many_pages", "there were more pages than we follow"
    UNUSABLE = "unusable", "some of it could not be kept"
    BROKEN = "broken", "something broke on our side"


# The portal has no such records, or the access never covered them: nothing is missing.
NOT_A_FAULT = frozenset({Verdict.NOT_GRANTED, Verdict.NOT_SUPPORTED})
