"""What words of names mean: which say nothing, which are short for others, and how states are written."""

from sources.reading.states import CODES, OUTLYING


def _listed(text: str) -> list[str]:
    return text.split()


# Words that say nothing: a name or a query may have them or not.
FILLERS = frozenset(_listed("and the of at for in a an near"))
# Legal forms and degrees, at the end of a name.
LEGAL = frozenset(_listed("llc inc incorporated pc pllc ltd corp corporation llp lp psc apc pa plc md do sc"))
# What nearly every place is called: what a search may do without.
GENERIC = frozenset(
    _listed(
        "hospital medical medicine center clinic health healthcare care system group associate physician practice "
        "doctor office network service institute partner foundation company website site app login portal patient "
        "mychart online chart my sign record insurance plan"
    )
)
# What is treated, or how: nobody can be told from others by it.
SPECIALTIES = frozenset(
    _listed(
        "acupuncture allergy anesthesia asthma cancer cardiac cardiology cardiovascular chiropractic dental dentistry "
        "dermatology diabetes ear emergency endocrinology ent eye family foot gastroenterology geriatric gynecology "
        "heart immunology infectious internal joint kidney laser mental nephrology neurology neurosurgery nose obgyn "
        "obstetric ophthalmology optical optometry oral orthopedic otolaryngology pain pediatric physical "
        "physiotherapy podiatry primary psychiatry psychology pulmonary radiology rehabilitation retina rheumatology "
        "skin sleep spine sport surgery therapy throat urgent urology vascular vein vision weight wellness women"
    )
)
# What comes after the name of a health system, in canonical words.
SYSTEMS = (
    *("health", "health system", "health care", "health care system", "health service", "healthcare"),
    *("healthcare system", "health network", "medical center", "hospital", "clinic", "medicine"),
)
# What is often written short, and the word it stands for. Both are searched as the word.
LONG_FORMS = dict(
    pair.split(":")
    for pair in _listed(
        "st:saint ste:sainte mt:mount ft:fort ctr:center cntr:center centre:center hosp:hospital hsp:hospital "
        "hosps:hospital med:medical dr:doctor univ:university assoc:associate assn:association grp:group hlth:health "
        "svc:service ped:pediatric peds:pediatric paediatric:pediatric orthopaedic:orthopedic ortho:orthopedic "
        "reg:regional regl:regional rgnl:regional mem:memorial meml:memorial cmty:community comm:community "
        "gen:general genl:general inst:institute natl:national intl:international fam:family phys:physician "
        "prac:practice sys:system dept:department clin:clinic surg:surgery surgical:surgery "
        "neurosurgical:neurosurgery rehab:rehabilitation cnty:county gyn:gynecology gynaecology:gynecology "
        "childs:children derm:dermatology cardio:cardiology neuro:neurology surgeon:surgery optometrist:optometry "
        "chiropractor:chiropractic allergist:allergy dentist:dental therapist:therapy orthopedist:orthopedic "
        "1st:first 2nd:second"
    )
)
# Of a word with this ending, the one that names are made of: neurologist and neurological are neurology.
ENDINGS = (
    ("ologist", "ology"),
    ("ological", "ology"),
    ("aediatric", "ediatric"),
    ("iatrist", "iatry"),
    ("iatrician", "iatric"),
)
# USPS codes: patients write the state out, directories abbreviate it.
STATE_CODES = {name: code.lower() for name, code in CODES.items() if code not in OUTLYING}
STATES = {code: name for name, code in STATE_CODES.items()}
