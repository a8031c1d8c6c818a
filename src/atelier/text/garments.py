"""Garment types, where they are worn (their slot), and their names in published data sets and in texts."""

from atelier.text.lexicon import GARMENTS
from atelier.text.mentions import caption_names, garment_in

__all__ = [
    "CATEGORIES", "CLOTH_TYPES", "DEEPFASHION2", "SLOTS", "SYNONYMS", "UNKNOWN_GARMENT", "caption_names", "garment_in",
    "garment_of", "slot_of_label",
]  # fmt: skip

SLOTS: dict[str, str] = {name: entry["slot"] for name, entry in GARMENTS.items()}

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

SYNONYMS: dict[str, str] = {name: garment for garment, entry in GARMENTS.items() for name in entry["also"]}

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
