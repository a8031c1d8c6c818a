"""What the published data sets call a garment → our word for it, and where it is worn (its slot)."""

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
UNKNOWN_GARMENT = "clothes"  # worn in full: what a cloth type that is not in the table becomes

# Fashionpedia: categories 0 to 12, the main garments, in its order: (its name, our word).
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

# DeepFashion2: categories 1 to 13. Its "vest" is a sleeveless top and its "sling" one with thin straps, so of tees and
# tanks; nothing says what an "outwear" is made of.
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

# What people write for a garment, beside our word. A bare "top" is left out: it is more often a place than a garment.
SYNONYMS: dict[str, str] = {
    "t shirt": "t-shirt", "tshirt": "t-shirt", "tee shirt": "t-shirt", "tee": "t-shirt", "tank top": "t-shirt",
    "crop top": "t-shirt", "blouse": "shirt", "polo": "shirt", "jumper": "sweater", "pullover": "sweater",
    "hoodie": "sweatshirt", "blazer": "jacket", "parka": "coat", "pants": "trousers", "jeans": "trousers",
    "leggings": "trousers", "gown": "dress", "romper": "jumpsuit", "playsuit": "jumpsuit", "outfit": "clothes",
    "clothing": "clothes",
}  # fmt: skip

# How segmentation models name what is worn in a slot, beside Fashionpedia's names: ours, ATR's and LIP's labels.
_LABELS: dict[str, str] = {
    "upper": "upper", "upper-clothes": "upper", "upperclothes": "upper", "coat": "upper",
    "lower": "lower", "pants": "lower", "skirt": "lower",
    "full": "full", "dress": "full", "jumpsuits": "full",
}  # fmt: skip


def slot_of_label(label: str) -> str | None:
    """The slot that a segmentation model's label stands for; None for skin, hair, shoes and all else."""
    named = {name: SLOTS[word] for name, word in CATEGORIES}
    return (_LABELS | named).get(label.strip().lower())


def garment_of(name: str) -> str | None:
    """Our word for what a data set or a person calls a garment; None for anything else."""
    words = name.strip().lower()
    known = dict(CATEGORIES) | SYNONYMS
    return words if words in SLOTS else known.get(words)


def garment_in(text: str) -> str | None:
    """The garment that a text names first: "put the dog in red jeans" → trousers; None where it names none."""
    names = sorted((*SLOTS, *SYNONYMS), key=len, reverse=True)  # "tank top" before "tank"
    found = re.search(rf"\b({'|'.join(map(re.escape, names))})(?:e?s)?\b", text, re.IGNORECASE)
    return garment_of(found[1]) if found else None
