"""The ten named colours, their CIELAB values, and the colour × pattern pairs excluded from training."""

COLOURS_RGB: dict[str, tuple[int, int, int]] = {
    "red": (205, 32, 42),
    "orange": (240, 130, 30),
    "yellow": (246, 212, 52),
    "green": (38, 142, 70),
    "blue": (36, 82, 196),
    "purple": (116, 52, 162),
    "pink": (240, 132, 178),
    "brown": (116, 72, 42),
    "black": (36, 36, 42),
    "white": (240, 240, 238),
}
# CIELAB under D65, 2° observer, to two decimals (tests/synthetic/test_fashion.py recomputes them from the sRGB values).
COLOURS_LAB: dict[str, tuple[float, float, float]] = {
    "red": (44.49, 64.30, 40.39),
    "orange": (65.43, 36.26, 66.11),
    "yellow": (85.47, -3.33, 76.74),
    "green": (52.06, -45.52, 29.96),
    "blue": (38.54, 27.10, -63.78),
    "purple": (35.55, 47.69, -48.22),
    "pink": (68.20, 46.58, -5.70),
    "brown": (35.03, 15.58, 25.57),
    "black": (14.42, 1.55, -3.97),
    "white": (94.75, -0.35, 0.97),
}

# The second colour of a printed fabric: fixed per colour, so that "add stripes" has one exact target.
ACCENTS: dict[str, tuple[int, int, int]] = {
    "red": (245, 240, 235),
    "orange": (250, 244, 228),
    "yellow": (58, 52, 96),
    "green": (240, 244, 226),
    "blue": (238, 242, 248),
    "purple": (244, 226, 150),
    "pink": (252, 248, 250),
    "brown": (238, 218, 180),
    "black": (228, 228, 228),
    "white": (44, 62, 112),
}

HELD_OUT = frozenset(
    {("green", "dots"), ("purple", "plaid"), ("orange", "floral"), ("pink", "stripes"), ("brown", "dots")}
)


def is_held_out(colour: str, pattern: str) -> bool:
    """Whether a fabric is excluded from training, to test whether the editor generalises to new combinations."""
    return (colour, pattern) in HELD_OUT
