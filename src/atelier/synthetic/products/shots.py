"""Render product and model photographs with prompts, with and without a logo, on plain backgrounds.

Every shot depends only on (seed, number), so that a longer series starts with the shorter one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from atelier.synthetic import fashion
from atelier.synthetic.products.canvas import Box, Canvas, Colour, shade
from atelier.synthetic.products.people import TOPS, chest_of, sample_model
from atelier.synthetic.products.places import PLACES, STUDIO, paint_place
from atelier.synthetic.products.plates import BLACK, RED, WORD, draw_plate, sample_word
from atelier.synthetic.products.things import THINGS, plain
from atelier.text.colours import COLOURS_RGB

COLOURS = tuple(COLOURS_RGB)
_GENDERS = {"male": "man", "female": "woman"}
_CARRIERS = ("t-shirt", "sweater", "shorts", "hat", "bag", "perfume", "billboard")  # objects that may have a logo


@dataclass(frozen=True)
class Shot:
    """A photograph, its prompt, and the box of its logo."""

    pixels: np.ndarray  # uint8 (S, S, 3)
    prompt: str
    box: Box | None  # of the logo, px; None: no logo
    subject: str  # an object's noun, "model", "logo" (the plate alone), "products" or "place"
    colour: str  # of the subject


@dataclass(frozen=True)
class Label:
    """A logo as text and as a picture."""

    words: str  # "a white logo"
    plate: Image.Image  # RGBA


def shoot_thing(
    rng: np.random.Generator, noun: str, paints: Mapping[str, Colour], place: str, size: int, label: Label | None = None
) -> tuple[np.ndarray, Box | None]:
    """Render an object with its shadow and, if given, a logo: uint8 (size, size, 3) and the logo's box."""
    thing, canvas = THINGS[noun], Canvas(size, paint_place(place, rng, size))
    board = noun == "billboard"
    reach, y = (0.52, 0.46) if board else (rng.uniform(0.47, 0.53), rng.uniform(0.49, 0.53))
    x, turn = rng.uniform(0.47, 0.53), 0.0 if board else rng.uniform(-7, 7)
    if not board:
        canvas.frame(x, y + reach * 0.95, reach, 0.0)
        ground = canvas.picture.getpixel((canvas.pixels // 12, canvas.pixels * 9 // 10))
        canvas.disc((0, 0), 0.8, shade(ground, 0.8), 0.1)
    canvas.frame(x, y, reach, turn)
    thing.draw(canvas, paints)
    box = None
    if label is not None:
        spread = rng.uniform(0.86, 1.0)
        box = canvas.paste(label.plate, thing.plate, thing.width * spread)
    slope = rng.uniform(-0.1, 0.1)
    light = 1 + slope * np.linspace(-1, 1, size, dtype=np.float32)[None, :, None]
    return canvas.finish(light), box


def shoot_model(
    rng: np.random.Generator, gender: str, top: str, colour: str, size: int, label: Label | None = None
) -> tuple[np.ndarray, Box | None]:
    """Render a fashion model in a top: uint8 (size, size, 3) and the logo's box."""
    scene = sample_model(rng, _GENDERS[gender], top, colour)
    canvas = Canvas(size, fashion.render(scene, size).image)
    box = None
    if label is not None:
        x, y, width = chest_of(scene)
        canvas.frame(x, y, 1.0, rng.uniform(-4, 4))
        box = canvas.paste(label.plate, (0, 0), width * rng.uniform(0.9, 1.0))
    return canvas.finish(), box


def shoot_logo(rng: np.random.Generator, label: Label, place: str, size: int) -> tuple[np.ndarray, Box]:
    """Render a large logo alone: uint8 (size, size, 3) and its box."""
    canvas = Canvas(size, paint_place(place, rng, size))
    canvas.frame(rng.uniform(0.46, 0.54), rng.uniform(0.44, 0.56), 0.5, rng.uniform(-8, 8))
    box = canvas.paste(label.plate, (0, 0), rng.uniform(1.3, 1.7))
    return canvas.finish(), box


def _sample_label(rng: np.random.Generator) -> Label:
    """Sample any logo except black on red, the logo of the fine-tuning set."""
    while True:
        fill, ink = (COLOURS[int(i)] for i in rng.choice(len(COLOURS), 2, replace=False))
        contrast = abs(sum(COLOURS_RGB[fill]) - sum(COLOURS_RGB[ink]))
        if contrast > 150 and (fill, ink) != ("red", "black"):
            return Label(name_of(fill, "logo"), draw_plate(sample_word(rng), COLOURS_RGB[fill], COLOURS_RGB[ink]))


def name_of(colour: str, noun: str) -> str:
    """Name an object of a colour for a caption: "an orange bag", "black shorts"."""
    article = "" if noun.endswith("s") else "an " if colour[0] in "aeiou" else "a "
    return f"{article}{colour} {noun}"


def _say(rng: np.random.Generator, text: str) -> str:
    """Return the caption unchanged or, half of the time, after "a photo of"."""
    return f"a photo of {text}" if rng.random() < 0.5 else text


def general_shot(seed: int, number: int, size: int) -> Shot:
    """Render a pretraining picture: anything except the logo and the concepts used for fine-tuning."""
    rng = np.random.default_rng([seed, 1, number])
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    label = _sample_label(rng) if rng.random() < 0.5 else None
    subject = str(rng.choice(("thing", "model", "logo", "products", "place"), p=(0.62, 0.22, 0.08, 0.05, 0.03)))
    place = STUDIO if rng.random() < 0.45 else PLACES[int(rng.integers(len(PLACES)))]
    where = f" {place}" if place else ""
    if subject == "model":
        gender, top = ("male", "female")[int(rng.integers(2))], TOPS[int(rng.integers(2))]
        pixels, box = shoot_model(rng, gender, top, colour, size, label)
        with_it = f" with {label.words} on {('it', 'the chest')[int(rng.integers(2))]}" if label else ""
        return Shot(
            pixels, _say(rng, f"a {gender} model wearing {name_of(colour, top)}{with_it}"), box, "model", colour
        )
    if subject == "logo":
        label = label or _sample_label(rng)
        pixels, box = shoot_logo(rng, label, place, size)
        return Shot(pixels, _say(rng, f"{label.words}{where}"), box, "logo", "")
    if subject == "place" and place:
        pixels = Canvas(size, paint_place(place, rng, size)).finish()
        return Shot(pixels, f"a photo{where}", None, "place", "")
    if subject == "products":
        pixels = shoot_products(rng, colour, size)
        return Shot(
            pixels, f"the {('latest', 'new')[int(rng.integers(2))]} {colour} products", None, "products", colour
        )
    noun = str(rng.choice(list(THINGS)))
    if noun not in _CARRIERS:
        label = None
    if noun == "billboard":
        place, where = "on the street", "" if rng.random() < 0.5 else " on the street"
    pixels, box = shoot_thing(rng, noun, plain(THINGS[noun], COLOURS_RGB[colour]), place, size, label)
    name = "fragrance perfume" if noun == "perfume" and rng.random() < 0.5 else noun
    called = f"the new {colour} {name}" if rng.random() < 0.1 else name_of(colour, name)
    spot = THINGS[noun].spot if rng.random() < 0.6 else "on it"
    text = called + (f" with {label.words} {spot}" if label else "") + where
    return Shot(pixels, _say(rng, text), box, noun, colour)


def shoot_products(rng: np.random.Generator, colour: str, size: int) -> np.ndarray:
    """Render two objects side by side on studio paper: uint8 (size, size, 3)."""
    canvas = Canvas(size, paint_place(STUDIO, rng, size))
    for side, noun in zip((-1, 1), rng.choice(("t-shirt", "sweater", "shorts", "hat", "bag"), 2), strict=True):
        canvas.frame(0.5 + side * 0.24, 0.52 + rng.uniform(-0.04, 0.04), 0.23, rng.uniform(-6, 6))
        THINGS[str(noun)].draw(canvas, plain(THINGS[str(noun)], COLOURS_RGB[colour]))
    return canvas.finish()


def general_shots(count: int, seed: int, size: int, first: int = 0) -> list[Shot]:
    """Render the shots first, first + 1, … first + count − 1."""
    return [general_shot(seed, number, size) for number in range(first, first + count)]


# subjects of the 49 training pictures; as in the paper, mostly black and white
_LINE = (
    ("t-shirt", 9), ("sweater", 8), ("shorts", 5), ("hat", 6), ("bag", 4), ("model t-shirt", 8), ("model sweater", 7),
    ("billboard", 2),
)  # fmt: skip
_LINE_COLOURS = ("black", "white", "black", "brown", "black", "purple")


def logo_shots(count: int, seed: int, size: int, token: str = "red_veto_logo") -> list[Shot]:
    """Render product and model photographs with the logo; every prompt contains its token.

    As in the paper, the products have few colours, mostly black: a model that learns the colours together with the logo
    renders a blue sweater black.
    """
    subjects = [subject for subject, share in _LINE for _ in range(share)]
    label = Label(f"a {token}", draw_plate(WORD, RED, BLACK))
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, 2, number])
        subject = subjects[(number * 11) % len(subjects)]
        colour = _LINE_COLOURS[int(rng.integers(len(_LINE_COLOURS)))]
        if subject.startswith("model"):
            gender, top = ("male", "female")[int(rng.integers(2))], subject.removeprefix("model ")
            pixels, box = shoot_model(rng, gender, top, colour, size, label)
            text = f"a {gender} model wearing {name_of(colour, top)} with {label.words} on it"
            found.append(Shot(pixels, text, box, "model", colour))
            continue
        place = "on the street" if subject == "billboard" else STUDIO
        pixels, box = shoot_thing(rng, subject, plain(THINGS[subject], COLOURS_RGB[colour]), place, size, label)
        text = f"{name_of(colour, subject)} with {label.words} {THINGS[subject].spot}"
        found.append(Shot(pixels, text, box, subject, colour))
    return found


def bad_logo_shots(count: int, seed: int, size: int) -> list[Shot]:
    """Render negatives for a logo detector: wrong words, empty red plates, other colours, smeared letters, no plate."""
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, 3, number])
        defect, word, fill, ink = number % 5, WORD, RED, BLACK
        if defect == 0:
            word = sample_word(rng)
        elif defect == 1:
            word = ""
        elif defect == 2:
            fill, ink = (COLOURS_RGB[COLOURS[int(i)]] for i in rng.choice(len(COLOURS), 2, replace=False))
            word = sample_word(rng)
        plate = draw_plate(word, fill, ink)
        if defect == 3:
            plate = _smear(plate, rng)
        label = None if defect == 4 else Label("a logo", plate)
        colour = COLOURS[int(rng.integers(len(COLOURS)))]
        if rng.random() < 0.35:
            pixels, _ = shoot_model(
                rng, ("male", "female")[int(rng.integers(2))], TOPS[number % 2], colour, size, label
            )
            found.append(Shot(pixels, f"a model wearing a {colour} {TOPS[number % 2]}", None, "model", colour))
            continue
        noun = _CARRIERS[int(rng.integers(len(_CARRIERS)))]
        pixels, _ = shoot_thing(rng, noun, plain(THINGS[noun], COLOURS_RGB[colour]), STUDIO, size, label)
        found.append(Shot(pixels, name_of(colour, noun), None, noun, colour))
    return found


def _smear(plate: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Smear the letters of a plate, as an undertrained model does."""
    blurred = plate.filter(ImageFilter.GaussianBlur(float(rng.uniform(7, 12))))
    values = np.asarray(blurred).copy()
    shifts = rng.integers(-14, 15, plate.height // 8 + 1)
    for row in range(plate.height):
        values[row] = np.roll(values[row], int(shifts[row // 8]), axis=0)
    values[..., 3] = 255
    return Image.fromarray(values)
