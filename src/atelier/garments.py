"""What the published data sets call a garment → our word for it, and where it is worn (its slot)."""

from atelier.instructions import FULL, LOWER, UPPER

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
