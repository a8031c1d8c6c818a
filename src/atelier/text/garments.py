"""Garment types, where they are worn (their slot), and their names in published data sets and in texts."""

import re

from atelier.text.instructions import FULL, LOWER, UPPER

SLOTS: dict[str, str] = {
    **dict.fromkeys((*UPPER, "sweater", "cardigan", "sweatshirt", "vest", "coat", "cape"), "upper"),
    **dict.fromkeys(LOWER, "lower"),
    **dict.fromkeys((*FULL, "jumpsuit", "suit", "clothes"), "full"),
}

# DeepFashion In-shop: its 17 values of `cloth_type`.
CLOTH_TYPES: dict[str, str] = {
    "Blouses_Shirts": "shirt",
    "Cardigans": "cardigan",
    "Denim": "trousers",
    "Dresses": "dress",
    "Graphic_Tees": "t-shirt",
    "Jackets_Coats": "jacket",
    "Jackets_Vests": "jacket",
    "Leggings": "trousers",
    "Pants": "trousers",
    "Rompers_Jumpsuits": "jumpsuit",
    "Shirts_Polos": "shirt",
    "Shorts": "shorts",
    "Skirts": "skirt",
    "Suiting": "suit",
    "Sweaters": "sweater",
    "Sweatshirts_Hoodies": "sweatshirt",
    "Tees_Tanks": "t-shirt",
}
UNKNOWN_GARMENT = "clothes"  # full-body; for cloth types that are not in the table

# Fashionpedia: categories 0 to 12, the main garments, in its order: (its name, garment).
CATEGORIES: tuple[tuple[str, str], ...] = (
    ("shirt, blouse", "shirt"),
    ("top, t-shirt, sweatshirt", "t-shirt"),
    ("sweater", "sweater"),
    ("cardigan", "cardigan"),
    ("jacket", "jacket"),
    ("vest", "vest"),
    ("pants", "trousers"),
    ("shorts", "shorts"),
    ("skirt", "skirt"),
    ("coat", "coat"),
    ("dress", "dress"),
    ("jumpsuit", "jumpsuit"),
    ("cape", "cape"),
)

# DeepFashion2: categories 1 to 13. Its "vest" is a sleeveless top and its "sling" a top with thin straps, so a t-shirt
# here; the fabric of an "outwear" is not specified.
DEEPFASHION2: dict[int, str] = {
    1: "t-shirt",  # short sleeve top
    2: "shirt",  # long sleeve top
    3: "jacket",  # short sleeve outwear
    4: "jacket",  # long sleeve outwear
    5: "vest",
    6: "t-shirt",  # sling
    7: "shorts",
    8: "trousers",
    9: "skirt",
    10: "dress",  # short sleeve dress
    11: "dress",  # long sleeve dress
    12: "dress",  # vest dress
    13: "dress",  # sling dress
}

# Other names of a garment in texts: those that identify it, and those that a caption of a known garment may also use. A
# bare "top" identifies none: in a text it is more often a position than a garment.
_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "t-shirt": (("tank top", "crop top", "tee shirt", "t shirt", "tshirt", "tee"), ("top", "shirt")),
    "shirt": (("blouse", "polo"), ("top",)),
    "jacket": (("blazer",), ("coat", "vest", "hoodie")),
    "sweater": (("jumper", "pullover"), ("top",)),
    "sweatshirt": (("hoodie",), ("sweater", "top")),
    "cardigan": ((), ("sweater",)),
    "coat": (("parka",), ("jacket",)),
    "trousers": (("pants", "jeans", "leggings"), ()),
    "jumpsuit": (("romper", "playsuit"), ()),
    "dress": (("gown",), ()),
    "clothes": (("outfit", "clothing"), ()),
}
SYNONYMS: dict[str, str] = {name: garment for garment, (names, _) in _NAMES.items() for name in names}

# Labels of segmentation models for what is worn in a slot, in addition to Fashionpedia's: the embedded model's, ATR's
# and LIP's.
_LABELS: dict[str, str] = {
    "upper": "upper", "upper-clothes": "upper", "upperclothes": "upper", "coat": "upper",
    "lower": "lower", "pants": "lower", "skirt": "lower",
    "full": "full", "dress": "full", "jumpsuits": "full",
}  # fmt: skip


def slot_of_label(label: str) -> str | None:
    """Return the slot of a segmentation model's label; None for skin, hair, shoes and all other labels."""
    named = {name: SLOTS[word] for name, word in CATEGORIES}
    return (_LABELS | named).get(label.strip().lower())


def garment_of(name: str) -> str | None:
    """Return the garment of a name in a data set or a text; None if it names no garment."""
    name = name.strip().lower()
    return name if name in SLOTS else (dict(CATEGORIES) | SYNONYMS).get(name)


def garment_in(text: str) -> str | None:
    """Return the garment that a text names first: "put the dog in red jeans" → trousers; None if it names none."""
    names = sorted((*SLOTS, *SYNONYMS), key=len, reverse=True)  # longest match first
    found = re.search(rf"\b({'|'.join(map(re.escape, names))})(?:e?s)?\b", text, re.IGNORECASE)
    return garment_of(found[1]) if found else None


def caption_names(garment: str) -> tuple[str, ...]:
    """Return the names that a caption may use for a known garment, its own first."""
    names, loose = _NAMES.get(garment, ((), ()))
    return (garment, *names, *loose)
