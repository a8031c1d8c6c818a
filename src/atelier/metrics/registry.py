"""Every metric of an edit, once: its name, unit, decimals, better direction and where it is shown.

Tables, figures, the report page and the model card are views of `METRICS`. To add a metric, compute it under its key in
the score table, add one `Metric` here and its definition to `definitions`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

EDITORS = ("baseline", "finetuned")
MODELS = (*EDITORS, "copy", "composite", "target")  # the editors, two controls and the exact answer
MODEL_TITLES = {
    "baseline": "baseline",
    "finetuned": "fine-tuned",
    "copy": "copy of the source",
    "composite": "fine-tuned, cut to the garment",
    "target": "exact target",
    "picture_tint": "whole image tinted",
    "box_tint": "box tinted",
    "dilated": "dilated mask",
    "other_item": "another item's image",
}
PAPER_COLUMNS = ("clip", "directional", "lpips", "ssim")  # in the paper's order; fields of `report.paper.Reported`


@dataclass(frozen=True)
class Metric:
    """One metric of an edit."""

    key: str  # column of the score table and key in metrics/evaluate.json
    title: str  # in full
    better: int = 0  # 1: higher is better, -1: lower is better, 0: neither
    decimals: int = 3
    unit: str = ""
    label: str = ""  # title of a figure's panel; the title if empty
    short: str = ""  # heading of a column; the label if empty
    group: str = ""  # of key metrics: edit success, preservation, or both at once; empty for the others
    rests_on: tuple[str, ...] = ()  # roles of the networks that compute it: clip, lpips, leakage_floor (the VAE)
    paper_key: str = ""  # the paper's name for it, one of PAPER_COLUMNS; empty: the paper does not report it
    views: str = ""  # tables and figures that show it, separated by spaces; see `view`

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.title)
        object.__setattr__(self, "short", self.short or self.label)

    @property
    def arrow(self) -> str:
        """Return ↑ where higher is better, ↓ where lower is better, or nothing."""
        return {1: "↑", -1: "↓", 0: ""}[self.better]

    @property
    def panel(self) -> str:
        """Return the title of a figure's panel: the label with the arrow."""
        return f"{self.label} {self.arrow}".rstrip()

    @property
    def headline(self) -> str:
        """Return the name in the table of seeds: the paper's, or the key."""
        return self.paper_key or self.key


_SUCCESS, _PRESERVATION, _BOTH = "Edit success", "Preservation", "Both at once"
_ZONES = {
    "outside": "outside the garment",
    "tight": "in the tight zone",
    "context": "in the context zone",
    "background": "in the background",
}
_BASES = (  # computed on the whole image, and per zone of the trimap
    Metric(
        "lpips", "LPIPS", -1, rests_on=("lpips",), paper_key="lpips", views="headline paper comparison page prompts"
    ),
    Metric("ssim", "SSIM", 1, paper_key="ssim", views="headline paper comparison page prompts"),
    Metric("psnr", "PSNR", 1, 1, "dB"),
    Metric("mse", "mean squared error", -1, 5),
)


def _zone_metrics() -> Iterable[Metric]:
    """Yield each base metric per zone, and how much worse it is there than the autoencoder alone leaves it."""
    for base in _BASES:
        for zone, where in _ZONES.items():
            key, title = f"{base.key}_{zone}", f"{base.title} {where}"
            yield Metric(key, title, base.better, base.decimals, base.unit, rests_on=base.rests_on)
            yield Metric(
                f"{key}_above_floor", f"{title}, worse than the autoencoder by", -1, base.decimals, base.unit,
                rests_on=(*base.rests_on, "leakage_floor"),
            )  # fmt: skip


_NAMED = (
    Metric(
        "clip_directional", "CLIP directional similarity", 1, 2, "× 100", "CLIP directional", "directional", _SUCCESS,
        ("clip",), "directional", "headline seeds paper comparison methods figure losses page prompts gallery",
    ),
    Metric(
        "clip_similarity", "CLIP similarity", 1, 2, "× 100", short="CLIP", group=_SUCCESS, rests_on=("clip",),
        paper_key="clip", views="headline seeds paper comparison methods figure losses page prompts",
    ),
    *_BASES,
    Metric(
        "lpips_outside", "LPIPS outside the garment", -1, label="LPIPS outside", group=_PRESERVATION,
        rests_on=("lpips",), views="seeds paper comparison methods figure losses page prompts gallery",
    ),
    Metric(
        "leakage_share", "leakage above the floor", -1, short="leakage above floor", group=_PRESERVATION,
        rests_on=("leakage_floor",), views="headline seeds paper comparison methods figure losses page prompts gallery",
    ),
    Metric("leakage_share_raw", "raw leakage", -1, views="paper comparison methods figure page"),
    Metric("ssim_outside", "SSIM outside the garment", 1, label="SSIM outside", views="losses"),
    Metric("psnr_outside", "PSNR outside the garment", 1, 1, "dB", label="PSNR outside", views="prompts"),
    Metric(
        "target_rmse", "RMSE to the exact target", -1, 4, short="RMSE to target", group=_BOTH,
        views="headline seeds paper comparison methods figure losses page prompts gallery",
    ),
    Metric(
        "target_mae", "MAE to the exact target", -1, 4, short="MAE to target", group=_BOTH,
        views="paper comparison methods figure losses page",
    ),
    Metric(
        "target_similarity", "CLIP similarity to the true target", 1, 2, "× 100", rests_on=("clip",),
        views="comparison page",
    ),
    Metric("target_lpips", "LPIPS to the exact target", -1, rests_on=("lpips",)),
    Metric("right_garment", "right garment", 1, rests_on=("leakage_floor",), views="comparison page prompts"),
    Metric("pattern_recognised", "pattern recognised", 1, group=_SUCCESS, rests_on=("clip",), views="prompts"),
    Metric(
        "delta_e", "ΔE2000 to the named colour", -1, 2, short="ΔE", group=_SUCCESS,
        views="figure losses prompts gallery",
    ),
    Metric("hue_error", "hue error", -1, 1, "degrees"),
    Metric("face_change", "change in the face", -1, 4, group=_PRESERVATION, rests_on=("leakage_floor",),
           views="figure prompts gallery"),
    Metric("leakage_density", "leakage density above the floor", -1, rests_on=("leakage_floor",)),
    Metric("change_inside", "change inside the garment", 0, 4, views="prompts"),
    Metric("clip_inside_box", "CLIP similarity inside the box", 1, 2, "× 100", rests_on=("clip",)),
    Metric("image_similarity", "CLIP similarity to the source", 0, 2, "× 100", rests_on=("clip",)),
    Metric("change", "RMS change", -1, 4),
    Metric("area", "area under the frontier", 1),
)  # fmt: skip
METRICS: dict[str, Metric] = {one.key: one for one in _NAMED}
METRICS = METRICS | {one.key: one for one in _zone_metrics() if one.key not in METRICS}


def metric(key: str) -> Metric:
    """Return the metric of a key; one that is not registered has its key as title and no better direction."""
    return METRICS.get(key) or Metric(key, key.replace("_", " "))


def view(name: str) -> list[Metric]:
    """Return the metrics of a table or figure, in the registry's order.

    headline: metrics/headline.json. seeds: the table of seeds. methods: the table of methods. figure: the figure with
    intervals, metrics/sheets/measures.png. losses: the losses study. page, prompts, gallery: the report page's main
    table, its table by prompt, and the orders of its gallery.
    """
    return [one for one in METRICS.values() if name in one.views.split()]


def beside_paper(name: str) -> list[Metric]:
    """Return the metrics of a table that includes the paper's values: its columns first, in its order.

    paper: the ablations' table and the model card; comparison: metrics/evaluate/comparison.md; page: the report page.
    """
    order = {key: place for place, key in enumerate(PAPER_COLUMNS)}
    return sorted(view(name), key=lambda one: order.get(one.paper_key, len(order)))


def key_metrics() -> dict[str, list[Metric]]:
    """Return group → its key metrics, which answer whether fine-tuning improved the edits."""
    groups: dict[str, list[Metric]] = {}
    for one in METRICS.values():
        if one.group:
            groups.setdefault(one.group, []).append(one)
    return groups
