"""The vocabulary of the synthetic charts: real codes for common things."""

from typing import NamedTuple

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


class Concept(NamedTuple):
    code: str
    display: str


class Measurement(NamedTuple):
    """Something measured: its code, unit, usual range, and how far values may stray beyond that range."""

    code: str
    display: str
    unit: str
    low: float
    high: float
    spread: float


CONDITIONS = [
    Concept("59621000", "Essential hypertension"),
    Concept("44054006", "Type 2 diabetes mellitus"),
    Concept("55822004", "Hyperlipidemia"),
    Concept("195967001", "Asthma"),
    Concept("396275006", "Osteoarthritis"),
    Concept("235595009", "Gastroesophageal reflux disease"),
    Concept("35489007", "Depressive disorder"),
    Concept("40930008", "Hypothyroidism"),
    Concept("37796009", "Migraine"),
    Concept("271737000", "Anemia"),
    Concept("444814009", "Viral sinusitis"),
    Concept("10509002", "Acute bronchitis"),
]
CHILD_CONDITIONS = [
    Concept("65363002", "Otitis media"),
    Concept("43878008", "Streptococcal sore throat"),
    Concept("24079001", "Atopic dermatitis"),
]
VITAL_SIGNS = [
    Measurement("8867-4", "Heart rate", "/min", 60, 100, 15),
    Measurement("85354-9", "Blood pressure panel", "mm[Hg]", 105, 130, 15),
    Measurement("29463-7", "Body weight", "kg", 58, 92, 4),
    Measurement("8302-2", "Body height", "cm", 158, 186, 0),
    Measurement("8310-5", "Body temperature", "Cel", 36.2, 37.2, 0.9),
    Measurement("9279-1", "Respiratory rate", "/min", 12, 20, 3),
    Measurement("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 95, 100, 0),
]
LABORATORY = [
    Measurement("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 4.0, 5.6, 2.5),
    Measurement("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 70, 99, 40),
    Measurement("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 120, 199, 50),
    Measurement("13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", 50, 129, 40),
    Measurement("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.6, 1.2, 0.4),
    Measurement("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 12.0, 17.5, 1.5),
    Measurement("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 4.5, 11.0, 2.0),
    Measurement("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 3.5, 5.1, 0.4),
    Measurement("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 0.4, 4.0, 2.0),
]
PANELS = [
    Concept("24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"),
    Concept("57698-3", "Lipid panel with direct LDL - Serum or Plasma"),
    Concept("58410-2", "CBC panel - Blood by Automated count"),
]
MEDICATIONS = [
    Concept("314076", "lisinopril 10 MG Oral Tablet"),
    Concept("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"),
    Concept("617310", "atorvastatin 20 MG Oral Tablet"),
    Concept("966221", "levothyroxine sodium 0.05 MG Oral Tablet"),
    Concept("198051", "omeprazole 20 MG Delayed Release Oral Capsule"),
    Concept("745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
    Concept("197361", "amlodipine 5 MG Oral Tablet"),
    Concept("312940", "sertraline 25 MG Oral Tablet"),
    Concept("308182", "amoxicillin 250 MG Oral Capsule"),
    Concept("198440", "acetaminophen 500 MG Oral Tablet"),
]
ALLERGIES = [
    (Concept("91936005", "Allergy to penicillin"), "medication"),
    (Concept("91935009", "Allergy to peanut"), "food"),
    (Concept("300913006", "Allergy to shellfish"), "food"),
    (Concept("232347008", "Allergy to animal dander"), "environment"),
    (Concept("426232007", "Environmental allergy"), "environment"),
    (Concept("294505008", "Allergy to amoxicillin"), "medication"),
]
VACCINES = [
    Concept("140", "Influenza, seasonal, injectable, preservative free"),
    Concept("115", "Tdap"),
    Concept("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"),
    Concept("133", "Pneumococcal conjugate PCV 13"),
    Concept("121", "Zoster live"),
]
CHILD_VACCINES = [
    Concept("20", "DTaP"),
    Concept("10", "IPV"),
    Concept("03", "MMR"),
    Concept("21", "Varicella"),
    Concept("08", "Hep B, adolescent or pediatric"),
    Concept("49", "Hib (PRP-OMP)"),
    Concept("119", "Rotavirus, monovalent"),
]
PROCEDURES = [
    Concept("73761001", "Colonoscopy"),
    Concept("24623002", "Screening mammography"),
    Concept("40701008", "Echocardiography"),
    Concept("29303009", "Electrocardiographic procedure"),
    Concept("168537006", "Plain radiography"),
    Concept("127783003", "Spirometry"),
]
VISITS = [
    Concept("162673000", "General examination of patient"),
    Concept("390906007", "Follow-up encounter"),
    Concept("185345009", "Encounter for symptom"),
    Concept("410620009", "Well visit"),
]
NOTES = [
    Concept("11506-3", "Progress note"),
    Concept("34117-2", "History and physical note"),
    Concept("18842-5", "Discharge summary"),
]
GOALS = [
    "Blood pressure below 130/80",
    "Walk for 30 minutes on five days of the week",
    "Hemoglobin A1c below 7 %",
    "Lose 3 kg by the next visit",
]
CLAIM_DIAGNOSES = [
    Concept("I10", "Essential (primary) hypertension"),
    Concept("E11.9", "Type 2 diabetes mellitus without complications"),
    Concept("J06.9", "Acute upper respiratory infection, unspecified"),
    Concept("M54.50", "Low back pain, unspecified"),
    Concept("Z00.00", "General adult medical examination without abnormal findings"),
]
CLAIM_TYPES = [
    Concept("professional", "Professional"),
    Concept("institutional", "Institutional"),
    Concept("pharmacy", "Pharmacy"),
]
CLINICIANS = [
    ("Amara", "Nwosu"),
    ("Daniel", "Hughes"),
    ("Priya", "Raman"),
    ("Elena", "Petrova"),
    ("Marcus", "Webb"),
    ("Yuki", "Tanaka"),
    ("Sofia", "Marchetti"),
    ("Ahmed", "Farouk"),
    ("Ingrid", "Larsen"),
    ("Tomás", "Herrera"),
    ("Ruth", "Goldberg"),
    ("Kwame", "Mensah"),
]
