"""Cuts of garments: which kind, how long, how wide. A cut says nothing of colour or print.

A twin of a shot differs in the cut of one garment alone; `alternatives` lists what may change and how it is said.
"""

from dataclasses import dataclass, replace

import numpy as np

TOPS = ("t-shirt", "shirt", "blouse", "top", "sweater", "jacket", "dress")
LEGS = ("trousers", "shorts")
SKIRTS = ("skirt", "dress")
KINDS = ("t-shirt", "shirt", "blouse", "jacket", "top", "sweater", "dress", "skirt", "trousers", "shorts")
NECKS = ("crew", "scoop", "v", "boat", "collar", "high")


@dataclass(frozen=True)
class Cut:
    """The cut of one garment; lengths are relative to the body.

    Attributes:
        kind: one of KINDS.
        hem: of tops: m below the hip joint; of legs and skirts: share of the way from waist to ankle.
        sleeve: share of the way from shoulder to wrist; 0: none.
        ease: distance from the body, m.
        flare: width of the lower end, 1 is straight.
        neck: one of NECKS.
    """

    kind: str
    hem: float
    sleeve: float = 0.0
    ease: float = 0.01
    flare: float = 1.0
    neck: str = "crew"

    @property
    def slot(self) -> str:
        """Where it is worn: upper, lower, full or outer."""
        return {"dress": "full", "jacket": "outer"}.get(
            self.kind, "lower" if self.kind in (*LEGS, "skirt") else "upper"
        )


Outfit = tuple[Cut, ...]  # from the inside out


def sample_cut(kind: str, rng: np.random.Generator) -> Cut:
    """Draw a cut of a kind."""
    u, pick = rng.uniform, rng.choice
    if kind == "trousers":
        hem = float(pick([u(0.93, 0.985), u(0.72, 0.85)], p=[0.85, 0.15]))
        return Cut(kind, hem, ease=u(0.006, 0.02), flare=float(pick([u(1, 1.15), u(1.2, 1.6)])))
    if kind == "shorts":
        return Cut(kind, u(0.28, 0.50), ease=u(0.008, 0.022), flare=u(1.0, 1.4))
    if kind == "skirt":
        return Cut(kind, float(pick([u(0.30, 0.42), u(0.48, 0.65), u(0.8, 0.95)])), flare=u(1.0, 1.9))
    if kind == "dress":
        hem = float(pick([u(0.32, 0.45), u(0.48, 0.65), u(0.78, 0.94)], p=[0.35, 0.4, 0.25]))
        sleeve = float(pick([0.0, u(0.2, 0.4), u(0.9, 1.0)], p=[0.4, 0.35, 0.25]))
        return Cut(kind, hem, sleeve, u(0.003, 0.008), u(1.1, 1.9), str(pick(["crew", "scoop", "v", "boat"])))
    if kind == "jacket":
        return Cut(kind, u(0.0, 0.14), u(0.93, 1.0), u(0.020, 0.030), neck="collar")
    if kind == "t-shirt":
        return Cut(
            kind,
            u(-0.03, 0.06),
            u(0.20, 0.42),
            u(0.008, 0.022),
            neck=str(pick(["crew", "v", "scoop"], p=[0.6, 0.2, 0.2])),
        )
    if kind == "top":
        return Cut(kind, u(-0.10, 0.05), 0.0, u(0.004, 0.012), neck=str(pick(["scoop", "crew", "v"])))
    if kind == "sweater":
        return Cut(
            kind, u(0.0, 0.08), u(0.95, 1.0), u(0.016, 0.028), neck=str(pick(["crew", "high", "v"], p=[0.5, 0.3, 0.2]))
        )
    sleeve = float(pick([u(0.94, 1.0), u(0.25, 0.4)], p=[0.7, 0.3]))
    if kind == "blouse":
        return Cut(
            kind,
            u(-0.02, 0.08),
            sleeve,
            u(0.012, 0.024),
            1.15,
            str(pick(["v", "boat", "collar"])),
        )
    return Cut("shirt", u(0.0, 0.10), sleeve, u(0.010, 0.020), neck="collar")


_FOR_ALL = (
    ("trousers", "t-shirt"),
    ("trousers", "shirt"),
    ("trousers", "sweater"),
    ("trousers", "t-shirt", "jacket"),
    ("trousers", "shirt", "jacket"),
    ("trousers", "sweater", "jacket"),
    ("shorts", "shirt"),
    ("shorts", "t-shirt"),
)
_FOR_WOMEN = (
    *[("dress",)] * 6,
    *[("dress", "jacket")] * 2,
    ("skirt", "t-shirt"),
    ("skirt", "t-shirt", "jacket"),
    ("skirt", "blouse"),
    ("skirt", "top"),
    ("skirt", "sweater"),
    ("skirt", "blouse", "jacket"),
    ("trousers", "blouse"),
    ("trousers", "top"),
    ("shorts", "top"),
)


def sample_outfit(female: bool, rng: np.random.Generator) -> Outfit:
    """Draw what somebody wears, from the inside out."""
    pool = _FOR_WOMEN if female and rng.random() < 0.75 else _FOR_ALL
    return tuple(sample_cut(kind, rng) for kind in pool[rng.integers(len(pool))])


def alternatives(cut: Cut) -> list[tuple[str, Cut]]:
    """List other cuts of a garment with what is said of each: "longer", "with short sleeves", "wider"."""
    found = []
    if cut.kind in (*SKIRTS, *LEGS):
        found += [("longer", replace(cut, hem=cut.hem + 0.2))] if cut.hem < 0.72 else []
        found += [("shorter", replace(cut, hem=cut.hem - 0.2))] if cut.hem > 0.50 else []
    if cut.kind in SKIRTS:
        found += [("flared", replace(cut, flare=cut.flare + 0.7))] if cut.flare < 1.4 else []
        found += [("straight", replace(cut, flare=1.0))] if cut.flare > 1.5 else []
    if cut.kind in LEGS and cut.flare < 1.2:
        found += [("wider", replace(cut, flare=cut.flare + 0.45))]
    if cut.kind in ("t-shirt", "shirt", "blouse", "dress"):
        found += [("with long sleeves", replace(cut, sleeve=0.97))] if cut.sleeve < 0.5 else []
        found += [("with short sleeves", replace(cut, sleeve=0.3))] if cut.sleeve > 0.8 or cut.sleeve == 0 else []
    if cut.kind in ("t-shirt", "sweater", "shirt", "blouse"):
        found += [("looser", replace(cut, ease=cut.ease + 0.014))] if cut.ease < 0.018 else []
        found += [("longer", replace(cut, hem=cut.hem + 0.09))] if cut.hem < 0.03 else []
        found += [("cropped", replace(cut, hem=-0.14))] if cut.hem > -0.02 else []
    return found


def spare_alternatives(cut: Cut) -> list[tuple[str, Cut]]:
    """List other cuts of what `alternatives` knows none of: for shots in which no other change can be seen."""
    if cut.kind == "top":
        found = [("longer", replace(cut, hem=cut.hem + 0.1))] if cut.hem < 0.0 else []
        return [*found, ("cropped", replace(cut, hem=-0.16))] if cut.hem > -0.05 else found
    return [("longer", replace(cut, hem=cut.hem + 0.14))] if cut.kind == "jacket" else []
