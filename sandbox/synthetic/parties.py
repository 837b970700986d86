"""Who is in a chart: the patient, the clinicians, the organizations."""

from sandbox.synthetic.draft import Draft, Json, day
from sandbox.synthetic.terms import CLINICIANS, TERMINOLOGY

NPI = "http://hl7.org/fhir/sid/us-npi"
MRN = "urn:oid:2.999.1"  # 2.999 is the arc for examples


def organization(draft: Draft, number: int) -> None:
    facility = draft.system.facilities[number % len(draft.system.facilities)]
    body: Json = {
        "active": True,
        "identifier": [{"system": NPI, "value": f"19{number:08d}"}],
        "name": facility.name,
        "telecom": [{"system": "phone", "value": facility.phone}],
        "address": [
            {
                "line": [facility.address_line],
                "city": facility.city,
                "state": facility.state,
                "postalCode": facility.postal_code,
                "country": "US",
            }
        ],
    }
    draft.add("Organization", body, draft.first_day)


def practitioner(draft: Draft, number: int) -> None:
    given, family = CLINICIANS[(number + len(draft.person.key)) % len(CLINICIANS)]
    body: Json = {
        "active": True,
        "identifier": [{"system": NPI, "value": f"18{number:08d}"}],
        "name": [{"family": family, "given": [given], "prefix": ["Dr."]}],
    }
    draft.add("Practitioner", body, draft.first_day)


def patient(draft: Draft, number: int) -> None:
    person = draft.person
    facility = draft.system.facilities[0]
    body: Json = {
        "identifier": [
            {
                "type": {"coding": [{"system": f"{TERMINOLOGY}/v2-0203", "code": "MR"}]},
                "system": MRN,
                "value": f"{draft.random.randrange(10**8):08d}",
            }
        ],
        "active": True,
        "name": [{"use": "official", "family": person.family, "given": [person.given]}],
        "telecom": [{"system": "email", "value": f"{person.key}@example.com"}],
        "gender": person.gender,
        "birthDate": day(person.born),
        "address": [
            {
                "use": "home",
                "line": [f"{draft.random.randrange(1, 999)} Example Street"],
                "city": facility.city,
                "state": facility.state,
                "postalCode": facility.postal_code,
                "country": "US",
            }
        ],
        "managingOrganization": draft.reference("Organization"),
    }
    draft.add("Patient", body, draft.first_day)
