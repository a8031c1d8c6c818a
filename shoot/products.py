"""Shoot products that a logo is composed on later: clothes laid flat, hung up or worn, caps, mugs, bags and others.

    python -m shoot.products --out data/products --count 200 --size 128

The coloured parts of a product are layers as garments are, so colour, print and logo are composed on them afterwards.
The facts of a shot name the frame of the logo: its layer, its middle u, v on the cloth and its largest width, m.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from shoot.cuts import Cut, Outfit
from shoot.shots import shot_options, write_shot
from shoot.turns import R3, pick, take_turn

Array = np.ndarray
# kind → its weight, and the views that it is shown in
KINDS: dict[str, tuple[float, tuple[str, ...]]] = {
    "t-shirt": (0.23, ("flat", "hung", "worn", "worn")),
    "sweater": (0.15, ("flat", "hung", "worn")),
    "shorts": (0.05, ("flat",)),
    "cap": (0.12, ("standing",)),
    "mug": (0.12, ("standing",)),
    "bag": (0.13, ("flat", "hung", "hung")),
    "perfume": (0.045, ("standing",)),
    "billboard": (0.035, ("standing",)),
    "bear": (0.12, ("standing",)),
}
_PLACES = {
    "flat": ("studio", "studio", "table", "floor", "grass", "street", "sand", "snow"),
    "hung": ("wall", "wall", "studio"),
    "standing": ("studio", "studio", "table", "table", "floor", "grass", "street", "sand", "snow"),
    "worn": ("studio", "street", "park", "room", "wall"),
}
_START = 0.425  # at which the first 200 plans come near to the shares


@dataclass(frozen=True)
class ProductPlan:
    """One shot of a product, before it is taken.

    Attributes:
        view: flat, hung, standing or worn.
        place: one of `grounds.GROUNDS`, or of the kinds of `places` if worn.
        yaw, pitch: of the product to the camera, and of the camera over the ground, degrees.
        female: sex of who wears it.
    """

    number: int
    kind: str
    view: str
    place: str
    yaw: float
    pitch: float
    female: bool
    seed: int

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"p{self.number:04d}"


def choose(number: int) -> tuple[str, str, str]:
    """Choose kind, view and place in turn, so that base models and studies both have all of them."""
    first, second, third = take_turn(number, "product", _START, R3)
    kind = pick(list(KINDS), first, [weight for weight, _ in KINDS.values()])
    view = pick(KINDS[kind][1], second)
    return kind, view, "street" if kind == "billboard" else pick(_PLACES[view], third)


def plan_product(number: int) -> ProductPlan:
    """Plan a shot of a product; every kind, view and place takes its turn, in base models and studies apart."""
    rng = np.random.default_rng([number, 21])
    kind, view, place = choose(number)
    turn, pitch = {"flat": (28, (56, 84)), "hung": (24, (0, 9)), "standing": (38, (10, 36)), "worn": (32, (0, 6))}[view]
    if kind == "billboard":
        turn, pitch = 25, (-4, 2)
    if kind in ("mug", "perfume"):
        turn = 20  # so that the logo is seen
    low, high = pitch
    return ProductPlan(
        number,
        kind,
        view,
        place,
        float(rng.uniform(-turn, turn)),
        float(rng.uniform(low, high)),
        bool(rng.random() < 0.5),
        7000 + number,
    )


def outfit_of(plan: ProductPlan) -> Outfit:
    """Return what a model wears: trousers, and the top that is shown."""
    rng = np.random.default_rng([plan.seed, 22])
    lower = Cut("trousers", rng.uniform(0.93, 0.97), ease=0.01, flare=rng.uniform(1, 1.1))
    if plan.kind == "sweater":
        return lower, Cut("sweater", rng.uniform(0, 0.06), rng.uniform(0.95, 1), rng.uniform(0.016, 0.026), neck="crew")
    ease = rng.uniform(0.010, 0.020)
    return lower, Cut("t-shirt", rng.uniform(-0.01, 0.05), rng.uniform(0.25, 0.4), ease, neck="crew")


@click.command()
@shot_options
@click.option("--first", default=0, show_default=True, help="Number of the first shot.")
@click.option("--count", default=200, show_default=True, help="Number of shots.")
def main(out: Path, first: int, count: int, size: int, samples: int) -> None:
    """Take shots of products; a shot that exists is not taken again."""
    from shoot.expose import expose
    from shoot.scene import Studio
    from shoot.showroom import stage_product

    out.mkdir(parents=True, exist_ok=True)
    studio = Studio()
    for plan in map(plan_product, range(first, first + count)):
        path = out / f"{plan.name}.shot"
        if path.exists():
            continue
        start = time.process_time()
        staged = stage_product(plan, studio)
        facts = asdict(plan) | {"item": plan.number, "domain": "product", "logo": staged.logo}
        write_shot(path, expose(staged.scene, staged.shapes, staged.details, size, samples), facts)
        click.echo(f"{plan.name} {plan.kind} {plan.view} {plan.place} {time.process_time() - start:.1f} s of CPU time")


if __name__ == "__main__":
    main()
