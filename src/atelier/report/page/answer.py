"""What the figures say, in a sentence per domain: what fine-tuning improved, what it worsened, what stays open.

A difference is only claimed where its interval excludes zero and its p after Holm's correction is below .05.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from atelier.report.format import figure, listed, wording

Verdict = Literal["better", "worse", "open"]

GROUPS = {  # what the answer is made of; each measure where it was taken
    "Edit success": ("clip_directional", "clip_similarity", "pattern_recognised", "delta_e"),
    "Preservation": ("leakage_share", "lpips_outside", "face_change"),
    "Both at once": ("target_rmse",),
}
KEY_MEASURES = tuple(measure for measures in GROUPS.values() for measure in measures)
LEVEL = 0.05


def verdict(measure: str, gain: Mapping[str, float]) -> Verdict:
    """Whether a paired difference (fine-tuned − baseline) is a better or worse value of `measure`, or shows neither."""
    excludes_zero = gain["ci_lo"] > 0 or gain["ci_hi"] < 0
    if not excludes_zero or not gain.get("p_holm", 1.0) < LEVEL or wording(measure).better == 0:
        return "open"
    return "better" if gain["mean"] * wording(measure).better > 0 else "worse"


def describe_domain(name: str) -> str:
    """A domain in words."""
    return {
        "seen": "the kind of picture that it was fine-tuned on (seen)",
        "unseen": "a kind of picture that it was never fine-tuned on (unseen)",
    }.get(name, f"{name} pictures")


def kind_of_picture(domain: Mapping[str, Any]) -> str:
    """rendered, real, or nothing where the report does not say."""
    return {True: "rendered", False: "real"}.get(domain.get("rendered"), "")


def sentence(name: str, domain: Mapping[str, Any]) -> str:
    """One sentence on what fine-tuning did to the key measures of a domain."""
    gains = {measure: domain["gain"][measure] for measure in KEY_MEASURES if measure in domain.get("gain", {})}
    sorted_out: dict[Verdict, list[str]] = {"better": [], "worse": [], "open": []}
    for measure, gain in gains.items():
        found = verdict(measure, gain)
        words = wording(measure)
        sorted_out[found].append(words.name if found == "open" else _change(measure, domain, gain))
    counts = f"{domain['probes']} edits of {domain['sources']} {kind_of_picture(domain)}".rstrip()
    start = f"On {describe_domain(name)}, in {counts} pictures, "
    return start + "; ".join(_clauses(sorted_out)) + "."


def _clauses(found: Mapping[Verdict, Sequence[str]]) -> list[str]:
    clauses = [
        f"fine-tuning {verb} {listed(list(found[kind]))}"
        for kind, verb in (("better", "improved"), ("worse", "worsened"))
        if found[kind]
    ]
    if found["open"]:
        clauses.append(f"no difference is shown in {listed(list(found['open']))}")
    return clauses or ["nothing was measured that would answer the question"]


def _change(measure: str, domain: Mapping[str, Any], gain: Mapping[str, float]) -> str:
    """`name (before → after)`, or the difference where a model's mean is not known."""
    words = wording(measure)
    means = [domain.get(model, {}).get(measure) for model in ("baseline", "finetuned")]
    if all(means):
        before, after = (figure(cell["mean"], words.digits) for cell in means)
        return f"{words.name} ({before} → {after})"
    return f"{words.name} ({figure(gain['mean'], words.digits, signed=True)})"
