"""Words for the cut of a garment, their opposites, and how an edit from one to the other is requested."""

OPPOSITES = {  # word in a caption → its opposite, and the request
    "long": ("short", "make the {garment} shorter"),
    "short": ("long", "make the {garment} longer"),
    "cropped": ("long", "make the {garment} longer"),
    "flared": ("straight", "make the {garment} straight"),
    "straight": ("flared", "make the {garment} flared"),
    "wide": ("straight", "make the {garment} straight"),
    "long-sleeved": ("short-sleeved", "give the {garment} short sleeves"),
    "short-sleeved": ("long-sleeved", "give the {garment} long sleeves"),
    "sleeveless": ("long-sleeved", "give the {garment} long sleeves"),
}
_OF_KIND = {  # where the opposite depends on the garment
    ("straight", "trousers"): ("wide", "make the {garment} wider"),
    ("cropped", "trousers"): ("straight", "make the {garment} longer"),
} | {("long", top): ("cropped", "make the {garment} cropped") for top in ("t-shirt", "shirt", "sweater")}


def opposite_of(word: str, kind: str) -> tuple[str, str]:
    """Return the opposite of one of OPPOSITES for a kind of garment, and its request with a place for {garment}."""
    return _OF_KIND.get((word, kind), OPPOSITES[word])
