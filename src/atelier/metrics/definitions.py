"""What every metric measures: its definition, its range and its source, by the key of `registry.METRICS`.

The report page opens them from a metric's name. docs/metrics.md has the same in more detail.
"""

from dataclasses import dataclass

from atelier.metrics.registry import METRICS, metric

DIRECTIONS = {1: "higher is better", -1: "lower is better", 0: "neither direction is better"}


@dataclass(frozen=True)
class Definition:
    """What a metric measures, in a sentence without its final full stop."""

    text: str
    values: str  # the range
    source: str = ""  # the publication or standard; empty: defined in this project


_P2P, _LPIPS, _SSIM = "Brooks et al. 2023 (InstructPix2Pix)", "Zhang et al. 2018", "Wang et al. 2004"
_CLIP, _COSINE = "Radford et al. 2021 (CLIP)", "−100 to 100"
_FLOOR = "only the change above what the autoencoder alone causes counts"
_NAMED = {
    "clip_directional": Definition(
        "Cosine between the change of the CLIP embedding from source to edited image and its change from source "
        "caption to target caption, × 100. An edit that changes nothing has 0",
        _COSINE, _P2P,
    ),
    "clip_similarity": Definition(
        "Cosine between the CLIP embeddings of the edited image and of the target caption, × 100", _COSINE, _P2P
    ),
    "clip_inside_box": Definition(
        "Cosine between the CLIP embeddings of the crop to the garment and of the target caption’s phrase for it, "
        "× 100",
        _COSINE, _CLIP,
    ),
    "image_similarity": Definition(
        "Cosine between the CLIP embeddings of source and edited image, × 100", _COSINE, _P2P
    ),
    "pattern_recognised": Definition(
        "Share of the edits for which CLIP finds the caption with the requested pattern nearest, among five captions "
        "that differ only in the pattern; for prompts that request a pattern",
        "0 to 1; by chance 0.2", _CLIP,
    ),
    "delta_e": Definition(
        "Colour difference ΔE2000 between the median colour of the garment and the named colour; for prompts that "
        "request a colour. About 1 is just noticeable",
        "0 to about 100", "CIE 142-2001",
    ),
    "hue_error": Definition(
        "Angle in CIELAB between the hue of the garment’s median colour and that of the named colour; a grey garment "
        "counts as 90°, and black and white are left out",
        "0 to 180°", "CIE 1976 (L*a*b*)",
    ),
    "right_garment": Definition(
        "Share of the edits in which the garment that the instruction names changed more per pixel than the other one; "
        f"for rendered images with two garments, and {_FLOOR}",
        "0 to 1",
    ),
    "change_inside": Definition(
        "Root-mean-square change of the garment’s pixels from source to edited image", "0 to 1"
    ),
    "target_mae": Definition(
        "Mean absolute error (MAE) between the pixels of the edited image and of the exact target; for images with an "
        "exact target",
        "0 to 1",
    ),
    "target_rmse": Definition(
        "Root-mean-square error (RMSE) between the pixels of the edited image and of the exact target; for images with "
        "an exact target",
        "0 to 1",
    ),
    "target_lpips": Definition(
        "LPIPS, a distance between features of a network, from the edited image to the exact target; for images with "
        "an exact target",
        "0 and more", _LPIPS,
    ),
    "target_similarity": Definition(
        "Cosine between the CLIP embeddings of the edited image and of the true target, × 100; for test triplets. The "
        "target of a same-item pair is another photograph, with which no pixels can be compared",
        _COSINE, _CLIP,
    ),
    "leakage_share": Definition(
        f"Share of the whole change, summed over pixels, that lies outside the garment; {_FLOOR}", "0 to 1"
    ),
    "leakage_share_raw": Definition(
        "Share of the whole change, summed over pixels, that lies outside the garment, that of encoding and decoding "
        "included",
        "0 to 1",
    ),
    "leakage_density": Definition(
        f"Mean change of a pixel outside the garment, divided by that of a pixel inside it; {_FLOOR}", "0 and more"
    ),
    "face_change": Definition(
        f"Mean change of the face’s pixels; for rendered images with a visible face, and {_FLOOR}", "0 to 1"
    ),
    "change": Definition(f"Root-mean-square change of the whole image; {_FLOOR}", "0 to 1"),
    "area": Definition(
        "Area under the best edit success that is reached at no less than a given preservation, over all pairs of "
        "guidance scales. A copy of the source has 0, the exact target 1",
        "0 to 1", "Zitzler and Thiele 1998 (hypervolume)",
    ),
}  # fmt: skip
_BASES = {
    "lpips": ("LPIPS, a distance between features of a network, from source to edited image", "0 and more", _LPIPS),
    "ssim": ("Structural similarity of the edited image to the source", "−1 to 1", _SSIM),
    "psnr": ("Peak signal-to-noise ratio of the edited image against the source", "at most 58.9 dB", ""),
    "mse": ("Mean squared difference between the pixels of source and edited image", "0 to 1", ""),
}  # fmt: skip
_ZONES = {
    "outside": "in everything except the garment",
    "tight": "in the garment, where a change is wanted",
    "context": "in the scaled box around the garment, without the garment",
    "background": "outside the scaled box around the garment",
}
_PASTED = ", with the source’s garment pasted over the edited one"  # LPIPS and SSIM have a neighbourhood


def _zones() -> dict[str, Definition]:
    """Return the definitions of the metrics that are computed on the whole image and per zone of the trimap."""
    found = {}
    for base, (text, values, source) in _BASES.items():
        found[base] = Definition(f"{text}, over the whole image", values, source)
        for zone, where in _ZONES.items():
            place = f"{where}{_PASTED if base in ('lpips', 'ssim') and zone != 'tight' else ''}"
            found[f"{base}_{zone}"] = Definition(f"{text}, {place}", values, source)
            worse = f"{text}, {place}: by how much it is worse than encoding and decoding the source alone"
            found[f"{base}_{zone}_above_floor"] = Definition(worse, "0 and more", source)
    return found


DEFINITIONS: dict[str, Definition] = _NAMED | _zones()


def define(key: str) -> list[tuple[str, str]]:
    """Return what is to be said of a metric as (heading, text); empty if it has no definition."""
    found = DEFINITIONS.get(key)
    if key not in METRICS or found is None:
        return []
    source = [("Source", found.source)] if found.source else []
    return [
        ("Definition", f"{found.text}."),
        ("Range", found.values),
        ("Direction", DIRECTIONS[metric(key).better]),
        *source,
    ]
