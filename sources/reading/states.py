"""The states and territories of the USA: directories and patients write them in full or as two letters."""

CODES = {
    "alabama": "AL", "alaska": "AK", "american samoa": "AS", "arizona": "AZ", "arkansas": "AR", "california": "CA",
    "colorado": "CO", "connecticut": "CT", "delaware": "DE", "district of columbia": "DC", "florida": "FL",
    "georgia": "GA", "guam": "GU", "hawaii": "HI", "idaho": "ID", "illinois": "IL", "indiana": "IN", "iowa": "IA",
    "kansas": "KS", "kentucky": "KY", "louisiana": "LA", "maine": "ME", "maryland": "MD", "massachusetts": "MA",
    "michigan": "MI", "minnesota": "MN", "mississippi": "MS", "missouri": "MO", "montana": "MT", "nebraska": "NE",
    "nevada": "NV", "new hampshire": "NH", "new jersey": "NJ", "new mexico": "NM", "new york": "NY",
    "north carolina": "NC", "north dakota": "ND", "northern mariana islands": "MP", "ohio": "OH", "oklahoma": "OK",
    "oregon": "OR", "pennsylvania": "PA", "puerto rico": "PR", "rhode island": "RI", "south carolina": "SC",
    "south dakota": "SD", "tennessee": "TN", "texas": "TX", "u.s. virgin islands": "VI", "utah": "UT",
    "vermont": "VT", "virgin islands": "VI", "virginia": "VA", "washington": "WA", "west virginia": "WV",
    "wisconsin": "WI", "wyoming": "WY",
}  # fmt: skip

STATE_CODES = frozenset(CODES.values())
# Places with postal codes of their own, but hardly a hospital that lists itself under them.
OUTLYING = frozenset({"AS", "GU", "MP", "VI"})

# What the people insured there call a state's Medicaid programme.
_MEDICAID = {
    "AZ": "AHCCCS", "CA": "Medi-Cal", "CO": "Health First Colorado", "CT": "HUSKY Health", "GA": "Georgia Families",
    "HI": "Med-QUEST", "IA": "IA Health Link", "KS": "KanCare", "MA": "MassHealth", "ME": "MaineCare",
    "MO": "MO HealthNet", "NJ": "NJ FamilyCare", "OK": "SoonerCare",
    "OR": "Oregon Health Plan", "TN": "TennCare", "VT": "Green Mountain Care", "WA": "Apple Health",
    "WI": "BadgerCare Plus",
}  # fmt: skip


def state_code(name: str) -> str | None:
    """The two letters of a state written in full."""
    return CODES.get(name.lower())


def medicaid_of(state: str) -> tuple[str, tuple[str, ...]]:
    """What a state's Medicaid is called, and what else people call it."""
    local = _MEDICAID.get(state_code(state) or "")
    return f"{state} Medicaid", (local, "Medicaid") if local else ("Medicaid",)
