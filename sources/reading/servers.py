"""What is known about well-known FHIR servers from their address alone.

Three small tables: whose software it is, which doors are for clinicians, and which paths mean an old FHIR.
A row is here because the vendor says so or because its whole list shows it; what is not certain is not here.
"""

import re
from urllib.parse import urlsplit

# Vendor slugs (`Source.type`) and what patients and staff call the vendor.
VENDORS = {
    "altera": "Altera Digital Health",
    "athena": "athenahealth",
    "azalea": "Azalea Health",
    "cerner": "Oracle Health",
    "drchrono": "DrChrono",
    "ecw": "eClinicalWorks",
    "epic": "Epic",
    "greenway": "Greenway Health",
    "medhost": "MEDHOST",
    "meditech": "MEDITECH",
    "meldrx": "MeldRx",
    "modmed": "ModMed",
    "netsmart": "Netsmart",
    "nextgen": "NextGen Healthcare",
    "office-practicum": "Office Practicum",
    "practice-fusion": "Practice Fusion",
    "veradigm": "Veradigm",
}

_VENDOR_OF_HOST = {
    "athenahealth.com": "athena",
    "azaleahealth.com": "azalea",
    "cerner.com": "cerner",
    "drchrono.com": "drchrono",
    "eclinicalworks.com": "ecw",
    "epic.com": "epic",
    "epichosted.com": "epic",
    "fhirpoint.open.allscripts.com": "veradigm",
    "greenwayhealth.com": "greenway",
    "healow.com": "ecw",
    "meditech.cloud": "meditech",
    "meditech.com": "meditech",
    "meditech.global": "meditech",
    "meldrx.com": "meldrx",
    "ema-api.com": "modmed",
    "netsmartcloud.com": "netsmart",
    "nextgen.com": "nextgen",
    "op.healthcare": "office-practicum",
    "patientfusion.com": "practice-fusion",
    "practicefusion.com": "practice-fusion",
    "yourcareuniverse.net": "medhost",
}
# Hospitals run these under hosts of their own. `/api/FHIR/R4` alone is not Epic: Office Practicum has it too.
_VENDOR_OF_ADDRESS = [
    (re.compile(r"(interconnect|fhir-?proxy|api-?proxy|mychart|haiku).*/api/FHIR/[^/]+$", re.IGNORECASE), "epic"),
    (re.compile(r"/v\d/(uscore/(R4|STU\d+)|argonaut/v\d)$"), "meditech"),
]
# How the developers call themselves in lists, without spaces and punctuation: the beginning is enough.
_VENDOR_OF_DEVELOPER = {
    "allscripts": "veradigm",
    "altera": "altera",
    "athena": "athena",
    "azaleahealth": "azalea",
    "cerner": "cerner",
    "darenasolutions": "meldrx",
    "drchrono": "drchrono",
    "eclinicalworks": "ecw",
    "ecw": "ecw",
    "epic": "epic",
    "greenway": "greenway",
    "healow": "ecw",
    "medhost": "medhost",
    "medicalinformationtechnology": "meditech",
    "meditech": "meditech",
    "meldrx": "meldrx",
    "modernizingmedicine": "modmed",
    "modmed": "modmed",
    "netsmart": "netsmart",
    "nextgen": "nextgen",
    "officepracticum": "office-practicum",
    "oraclehealth": "cerner",
    "practicefusion": "practice-fusion",
    "veradigm": "veradigm",
}

# Oracle Health has one host for patients (fhir-myrecord) and one for clinicians. Veradigm and Altera say that
# patients' addresses end in /open and clinicians' in /fhir; Veradigm's router has the word before the practice.
_FOR_CLINICIANS = [
    re.compile(r"https?://fhir-ehr[^./]*\.cerner\.com(:\d+)?/", re.IGNORECASE),
    re.compile(r"https?://[^/]*allscripts[^/]*/fhirroute/fhir(/|$)", re.IGNORECASE),
    re.compile(r"https?://[^/]*\.allscripts(cloud|tw)?\.com(:\d+)?/fhir$", re.IGNORECASE),
]
# MEDITECH's Argonaut door follows the Argonaut guide, which is DSTU2.
_OLD_FHIR = [
    re.compile(r"/(dstu2?|stu3|r2|r3)(/|$)", re.IGNORECASE),
    re.compile(r"/v\d/argonaut/v\d$"),
]


def vendor_of(base_url: str) -> str | None:
    """The vendor whose software certainly answers at this normalised base URL."""
    labels = (urlsplit(base_url).hostname or "").split(".")
    for start in range(len(labels)):
        if vendor := _VENDOR_OF_HOST.get(".".join(labels[start:])):
            return vendor
    return next((vendor for pattern, vendor in _VENDOR_OF_ADDRESS if pattern.search(base_url)), None)


def vendor_called(developer: str) -> str | None:
    """The vendor that a list calls so: "Epic_Systems_Corporation_1", "cerner"."""
    folded = re.sub(r"[\W_]", "", developer).lower()
    return next((slug for start, slug in _VENDOR_OF_DEVELOPER.items() if folded.startswith(start)), None)


def is_for_clinicians(base_url: str) -> bool:
    return any(pattern.match(base_url) for pattern in _FOR_CLINICIANS)


def speaks_old_fhir(base_url: str) -> bool:
    """Whether the address itself says DSTU2 or STU3. A silent one is taken for R4."""
    return any(pattern.search(base_url) for pattern in _OLD_FHIR)
