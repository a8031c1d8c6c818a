"""Every measure of `atelier score`: its name, group, unit, better direction, definition and what it needs.

Measures that the study has too are the registry's, with its definitions.
"""

from dataclasses import dataclass

from atelier.metrics.definitions import define
from atelier.metrics.registry import Metric, metric

DRIFT, OUTSIDE, EDGE, WHOLE = "Drift", "Outside the mask", "Along the mask's edge", "Whole picture"
TEXT, TARGET = "Text", "Exact target"
MAGICBRUSH, EMU_EDIT, PIE_BENCH = "MagicBrush", "Emu Edit", "PIE-Bench"
BENCHMARKS = {  # → how their tables are made, as far as the values depend on it
    MAGICBRUSH: "Against the target, as its evaluation code does. Its tables have CLIP ViT-B/32; DINO is not computed.",
    EMU_EDIT: "Named as in its paper. DINO is not computed.",
    PIE_BENCH: "As its evaluation code does: the part that is left out is painted black and stays in the mean. Its "
    "tables have CLIP ViT-L/14 and LPIPS over SqueezeNet; structure distance (DINO) is not computed.",
}
MASK, CAPTION, CAPTIONS, WORDS, EXACT = "mask", "target_caption", "captions", "instruction", "target"
WHY_MISSING = {
    MASK: "no mask was given or found",
    CAPTION: "no target_caption was given, or CLIP does not read it whole",
    CAPTIONS: "source_caption and target_caption were not both given, or CLIP sees no difference",
    WORDS: "no instruction was given, or CLIP does not read it whole",
    EXACT: "no target was given",
    "": "it is not defined for these pictures",
}


@dataclass(frozen=True)
class Measure:
    """A measure of `atelier score`."""

    metric: Metric
    group: str
    needs: tuple[str, ...] = ()  # keys of WHY_MISSING
    text: str = ""  # the definition

    @property
    def definition(self) -> str:
        """What it says, in a sentence or two."""
        return self.text or dict(define(self.metric.key)).get("Definition", "")


def _own(
    key: str, title: str, group: str, better: int, decimals: int, unit: str, needs: tuple[str, ...], text: str
) -> Measure:
    return Measure(Metric(key, title, better, decimals, unit, rests_on=_networks(key)), group, needs, text)


def _networks(key: str) -> tuple[str, ...]:
    return tuple(role for role in ("clip", "lpips") if role in key)


_DRIFT = (
    _own("drift_moved", "drift of what should stay", DRIFT, -1, 2, "% of the longer side", (),
         "How far what is outside the mask has moved, root mean square over its pixels, by the affine map that lays "
         "the source over the edit (ECC, Evangelidis and Psarakis 2008). Without a mask: over the whole picture."),
    _own("drift_shift", "shift of what should stay", DRIFT, -1, 2, "px", (),
         "How far that map moves the picture's centre, in pixels of the scored size."),
    _own("drift_zoom", "zoom of what should stay", DRIFT, -1, 2, "%", (),
         "By how much that map enlarges or shrinks, without its sign; drift_scale has the sign."),
    _own("drift_scale", "enlargement of what should stay", DRIFT, 0, 2, "%", (),
         "By how much that map enlarges; negative: the edit shows what should stay smaller."),
)  # fmt: skip
_EDGE = (
    _own("boundary_outside", "error just outside the edge", EDGE, -1, 4, "", (MASK,),
         "Mean absolute error over the pixels outside the mask and at most r px from its edge, against the target or "
         "else the source; r is a 128th of the longer side, at least 3 px."),
    _own("boundary_inside", "error just inside the edge", EDGE, -1, 4, "", (MASK, EXACT),
         "The same over the pixels inside, against the target."),
)  # fmt: skip
_OUTSIDE = (
    _own("mae_outside", "MAE outside the mask", OUTSIDE, -1, 4, "", (MASK,),
         "Mean absolute change of the pixels outside the mask."),
    _own("rmse_outside", "RMSE outside the mask", OUTSIDE, -1, 4, "", (MASK,),
         "Root-mean-square change of the pixels outside the mask."),
    *(Measure(metric(key), OUTSIDE, (MASK,)) for key in
      ("lpips_outside", "ssim_outside", "psnr_outside", "leakage_share_raw", "change_inside")),
)  # fmt: skip
_WHOLE = tuple(Measure(metric(key), WHOLE) for key in ("lpips", "ssim", "psnr", "image_similarity"))
_TEXT = (
    Measure(metric("clip_directional"), TEXT, (CAPTIONS,)),
    Measure(metric("clip_similarity"), TEXT, (CAPTION,)),
    _own("clip_instruction", "gain in CLIP similarity to the instruction", TEXT, 1, 2, "× 100", (WORDS,),
         "Cosine between the CLIP embeddings of edited image and instruction, less that of the source, × 100."),
)  # fmt: skip
_TARGET = (
    Measure(metric("target_rmse"), TARGET, (EXACT,)),
    Measure(metric("target_mae"), TARGET, (EXACT,)),
    _own("copy_rmse", "RMSE of the copied input to the target", TARGET, 0, 4, "", (EXACT,),
         "What an editor that returns the source unchanged has: an edit should be below it."),
    _own("copy_mae", "MAE of the copied input to the target", TARGET, 0, 4, "", (EXACT,),
         "The same for the mean absolute error."),
    _own("target_ssim", "SSIM to the exact target", TARGET, 1, 3, "", (EXACT,),
         "Structural similarity of edited image and target."),
    _own("target_psnr", "PSNR to the exact target", TARGET, 1, 1, "dB", (EXACT,),
         "Peak signal-to-noise ratio of the edited image against the target."),
    Measure(metric("target_lpips"), TARGET, (EXACT,)),
)  # fmt: skip
_BENCHMARKS = (
    _own("magicbrush_l1", "L1", MAGICBRUSH, -1, 4, "", (EXACT,), "Mean absolute error to the target."),
    _own("magicbrush_l2", "L2", MAGICBRUSH, -1, 4, "", (EXACT,), "Mean squared error to the target."),
    _own("magicbrush_clip_i", "CLIP-I", MAGICBRUSH, 1, 4, "", (EXACT,), "Cosine of edited image and target."),
    _own("magicbrush_clip_t", "CLIP-T", MAGICBRUSH, 1, 4, "", (CAPTION,), "Cosine of edited image and target caption."),
    _own("emu_clip_dir", "CLIPdir", EMU_EDIT, 1, 4, "", (CAPTIONS,),
         "Cosine of the change of the image and the change of the caption."),
    _own("emu_clip_im", "CLIPim", EMU_EDIT, 1, 4, "", (), "Cosine of source and edited image."),
    _own("emu_clip_out", "CLIPout", EMU_EDIT, 1, 4, "", (CAPTION,), "Cosine of edited image and target caption."),
    _own("emu_l1", "L1", EMU_EDIT, -1, 4, "", (), "Mean absolute difference of source and edited image."),
    _own("pie_psnr", "PSNR of the background", PIE_BENCH, 1, 2, "dB", (MASK,),
         "Of source and edited image, the mask painted black in both."),
    _own("pie_lpips", "LPIPS of the background", PIE_BENCH, -1, 2, "× 10³", (MASK,), "Of the same two."),
    _own("pie_mse", "MSE of the background", PIE_BENCH, -1, 2, "× 10⁴", (MASK,), "Of the same two."),
    _own("pie_ssim", "SSIM of the background", PIE_BENCH, 1, 2, "× 10²", (MASK,), "Of the same two."),
    _own("pie_clip_whole", "CLIP similarity, whole", PIE_BENCH, 1, 2, "", (CAPTION,),
         "100 times the cosine of edited image and target caption, at least 0."),
    _own("pie_clip_edited", "CLIP similarity, edited region", PIE_BENCH, 1, 2, "", (CAPTION, MASK),
         "The same, with everything outside the mask painted black."),
)  # fmt: skip
MEASURES = {one.metric.key: one for one in (*_DRIFT, *_OUTSIDE, *_EDGE, *_TARGET, *_TEXT, *_WHOLE, *_BENCHMARKS)}
HEADLINES = (  # of the page's first table, in this order
    "drift_moved", "drift_shift", "drift_zoom", "mae_outside", "lpips_outside", "leakage_share_raw", "boundary_outside",
    "target_rmse", "target_mae", "clip_directional", "clip_similarity",
)  # fmt: skip
