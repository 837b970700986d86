"""What the API's document says of sources (contract §7) and of the published catalogue."""

from common.describing.operations import Link, Operation, Operations
from common.describing.shapes import (
    Schema,
    Shape,
    always,
    closed_object,
    number,
    page_of,
    shape,
    text,
)
from sources.brands_views import Brands
from sources.serializers import SourcesQuery
from sources.views import SourceDetail, Sources

_ZIP = r"[0-9]{5}(-?[0-9]{4})?"
_PAIR = r"-?[0-9]{1,2}(\.[0-9]{1,10})?\s*,\s*-?[0-9]{1,3}(\.[0-9]{1,10})?"
SOURCE_ID = r"^fhirsrc_[a-z2-7]{24}$"

_SOURCE: dict[str, Schema] = {
    "id": text("The source. Every `connection_id` in a body is one of these.", pattern=SOURCE_ID),
    "resource_type": always("fhir_source", "What this object is."),
    "name": text("The hospital, clinic or system, as patients know it."),
    "type": text("The vendor: `epic`, `cerner`, `athena`, `meditech`, `ecw` and others.", nullable=True),
    "fhir_base_url": text("The FHIR server's address; each source has its own.", format="uri"),
    "logo_url": text("A picture for it.", nullable=True),
    "portal_url": text("The portal's page for people.", nullable=True),
}
_MATCHED = closed_object(
    "What of the source matched the search.",
    {
        "facility_name": text("The facility."),
        "address": closed_object(
            "Where it is.",
            {
                "line": text("Street and number.", nullable=True),
                "city": text("The city.", nullable=True),
                "state": text("The state.", nullable=True),
                "postal_code": text("The postal code.", nullable=True),
                "country": text("The country.", nullable=True),
            },
        ),
        "distance_km": number("How far it is from `near`; null without.", nullable=True, minimum=0),
    },
)
SOURCE = shape("Source", "A FHIR server that patients can sign in at.", _SOURCE)
_FOUND = SOURCE.schema | {
    "description": "A source in a list. It has `matched` in answers to `q` and `near`, and only there.",
    "properties": _SOURCE | {"matched": _MATCHED},
}
FOUND_SOURCE = Shape("FoundSource", _FOUND)
BRANDS = Shape(
    "BrandsBundle",
    {
        "type": "object",
        "description": "A User-access Brands Bundle (SMART App Launch 2.2) of all that the workspace may see.",
        "properties": {
            "resourceType": always("Bundle", "FHIR's own name for it."),
            "type": always("collection", "FHIR's own word."),
            "timestamp": text("When the catalogue last changed."),
            "entry": {
                "type": "array",
                "description": "Endpoints first, then brands, then what is part of them. "
                "Not there where the workspace sees none.",
                "minItems": 1,
                "items": {"type": "object", "additionalProperties": True},
            },
        },
        "required": ["resourceType", "type", "timestamp"],
        "additionalProperties": True,
    },
)

_example = {
    "id": "fhirsrc_k7m2x5q3r6t4w2y7a5c3e6g2",
    "resource_type": "fhir_source",
    "name": "Riverside General Hospital",
    "type": "epic",
    "fhir_base_url": "https://fhir.riverside.example/r4",
    "logo_url": None,
    "portal_url": "https://portal.riverside.example/",
}

LIST = Operation(
    id="listSources",
    tag="Sources",
    summary="Find sources",
    description="All sources of the workspace by name; with `q` or `near`, the best matches first, "
    "each with what matched.",
    query=SourcesQuery,
    words={
        "q": "Words of a name, place or address; typing mistakes are forgiven.",
        "type": "Only sources of this vendor.",
        "near": "A postal code of the United States, or `latitude,longitude`.",
        "limit": "How many on a page.",
        "starting_after": "The `next_cursor` of the page before, with the same words and filters.",
    },
    limits={"near": {"format": "place", "pattern": rf"^\s*({_ZIP}|{_PAIR})\s*$"}},
    answer=page_of(FOUND_SOURCE),
    example={"resource_type": "list", "data": [_example], "has_more": False, "next_cursor": None},
    links=(Link("GetSource", "getSource", {"id": "$response.body#/data/0/id"}),),
)
GET = Operation(
    id="getSource",
    tag="Sources",
    summary="Get a source",
    description="One source, by its id or its FHIR base URL.",
    words={"id": "A `fhirsrc_…` id, or the percent-encoded FHIR base URL."},
    path_examples={"id": _example["id"] or ""},
    answer=SOURCE,
    example=_example,
    codes=("resource_not_found",),
)
PUBLISH = Operation(
    id="getBrands",
    tag="Sources",
    summary="Get the catalogue as a Brands Bundle",
    description="All that the workspace may see, in the format of SMART App Launch's User-access Brands. "
    "The ETag changes with the catalogue: asked with `If-None-Match`, an unchanged one is 304.",
    answer=BRANDS,
    example={"resourceType": "Bundle", "type": "collection", "timestamp": "2026-04-25T14:30:00+00:00"},
    media_type="application/fhir+json",
    is_conditional=True,
)

OPERATIONS: Operations = {
    (Sources, "GET"): lambda view: LIST,
    (SourceDetail, "GET"): lambda view: GET,
    (Brands, "GET"): lambda view: PUBLISH,
}
