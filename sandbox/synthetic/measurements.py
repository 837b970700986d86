"""What was measured: vital signs, laboratory values, and the reports that gather them."""

from sandbox.synthetic.draft import Draft, Json, concept, hl7, instant, reference_to
from sandbox.synthetic.terms import LABORATORY, LOINC, PANELS, UCUM, VITAL_SIGNS, Concept, Measurement

BLOOD_PRESSURE = "85354-9"
# What differs in a child; everything else is near enough.
CHILD_RANGES = {"29463-7": (12.0, 26.0), "8302-2": (85.0, 125.0), BLOOD_PRESSURE: (88.0, 105.0)}


def observation(draft: Draft, number: int) -> None:
    """Vital signs and laboratory values in turn."""
    is_laboratory = bool(number % 2)
    measurements = LABORATORY if is_laboratory else VITAL_SIGNS
    measurement = measurements[number // 2 % len(measurements)]
    visit, at = draft.visit()
    body: Json = {
        "status": "final",
        "category": [hl7("observation-category", "laboratory" if is_laboratory else "vital-signs")],
        "code": concept(LOINC, Concept(measurement.code, measurement.display)),
        "subject": draft.patient,
        "encounter": visit,
        "effectiveDateTime": instant(at),
        "issued": instant(at),
        "performer": [draft.reference("Practitioner")],
        **_result(draft, measurement),
    }
    draft.add("Observation", body, at)


def _result(draft: Draft, measurement: Measurement) -> Json:
    usual = (measurement.low, measurement.high)
    low, high = CHILD_RANGES.get(measurement.code, usual) if draft.is_child else usual
    value = round(draft.random.uniform(low - measurement.spread / 3, high + measurement.spread), 1)
    if measurement.code == BLOOD_PRESSURE:
        return {"component": _pressures(round(value), round(value * 0.64))}
    interpretation = "L" if value < low else "H" if value > high else "N"
    return {
        "valueQuantity": _quantity(value, measurement.unit),
        "interpretation": [hl7("v3-ObservationInterpretation", interpretation)],
        "referenceRange": [{"low": _quantity(low, measurement.unit), "high": _quantity(high, measurement.unit)}],
    }


def _pressures(systolic: int, diastolic: int) -> list[Json]:
    parts = [
        (Concept("8480-6", "Systolic blood pressure"), systolic),
        (Concept("8462-4", "Diastolic blood pressure"), diastolic),
    ]
    return [{"code": concept(LOINC, term), "valueQuantity": _quantity(value, "mm[Hg]")} for term, value in parts]


def _quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def diagnostic_report(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    laboratory = draft.by_type["Observation"][1::2]
    results = draft.random.sample(laboratory, k=min(4, len(laboratory)))
    body: Json = {
        "status": "final",
        "category": [hl7("v2-0074", "LAB")],
        "code": concept(LOINC, PANELS[number % len(PANELS)]),
        "subject": draft.patient,
        "encounter": visit,
        "effectiveDateTime": instant(at),
        "issued": instant(at),
        "performer": [draft.reference("Organization")],
        "result": [reference_to(result) for result in results],
    }
    draft.add("DiagnosticReport", body, at)
