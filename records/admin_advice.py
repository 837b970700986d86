"""What a verdict means for staff: what they can do, or that there is nothing to do."""

from records.verdicts import Verdict

ADVICE: dict[str, str] = {
    Verdict.NOT_GRANTED: (
        "Nothing went wrong. To have these records too, add their scopes to the client registration; "
        "the patient then has to connect again."
    ),
    Verdict.NOT_SUPPORTED: "Nothing to do: the portal does not offer them.",
    Verdict.NOT_PERMITTED: (
        "The access covers these records, and the portal still keeps them back. Ask its vendor whether the app is "
        "allowed to read them; often the hospital has to switch that on."
    ),
    Verdict.REFUSED: (
        "Simpler forms of the question were tried too. The portal's words say what it did not like: show them to its "
        "vendor, or to the developers of this server."
    ),
    Verdict.GONE: "The portal has removed them. What was brought here earlier stays.",
    Verdict.NOT_TAKEN: (
        "The portal gave access and then did not take it. The connection's page shows how its renewals went. If it "
        "happens with each pull, the patient has to connect again."
    ),
    Verdict.ACCESS_ENDED: "The patient has to connect again. That brings what is missing.",
    Verdict.RATE_LIMITED: (
        "Nothing to do now: the next pull asks again. If it happens with each pull, ask the vendor for a higher limit."
    ),
    Verdict.PORTAL_FAILED: (
        "Nothing to do now: the next pull asks again. If it happens with each pull, tell the portal's support when it "
        "was and what the portal said."
    ),
    Verdict.UNREACHABLE: (
        "Nothing to do now: the next pull asks again. If it happens with each pull, check that this server reaches "
        "the FHIR address of the source."
    ),
    Verdict.TOO_LARGE: (
        "This server takes no answers beyond a certain size, to stay up. What came before is here. Tell the portal's "
        "vendor that its pages are too large."
    ),
    Verdict.NOT_FHIR: (
        "Often a sign-in or maintenance page answers in place of the records. Check the FHIR address of the source; "
        "if it is right, tell the vendor."
    ),
    Verdict.OUTCOME: "The portal's words say what it was. If it happens with each pull, show them to its vendor.",
    Verdict.LOOP: "A fault of the portal: tell its vendor. What came until then is here.",
    Verdict.ELSEWHERE: (
        "The access is sent to the portal's own address only. Check the FHIR address of the source; if it is right, "
        "tell the vendor that its pages lead elsewhere."
    ),
    Verdict.TOO_MANY_PAGES: "What came until then is here. Tell the developers of this server how many pages it took.",
    Verdict.UNUSABLE: (
        "Resources without an id, with one that is too long, or about somebody else; or others refer to them and the "
        "portal does not give them. All else is here. If it is much, tell the portal's vendor."
    ),
    Verdict.BROKEN: "A fault of this server: its log says what broke, at the time of the pull. Tell the developers.",
}
