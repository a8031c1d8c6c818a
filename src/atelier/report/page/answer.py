"""Summarise the results per domain: what fine-tuning improved, worsened or left open, and what got worse by prompt.

A difference over all prompts is claimed only where its interval excludes zero and its p after Holm's correction is
below 0.05. What got worse is named by a lower bar, so that it is not missed: the interval of one prompt's edits alone.
"""

from collections.abc import Mapping
from typing import Any, Literal

from atelier.common.records import TESTS
from atelier.metrics.registry import key_metrics, metric
from atelier.report.format import counted, figure, interval_of, listed

Verdict = Literal["better", "worse", "open"]

LEVEL = 0.05  # of significance
DOMAINS = {
    "seen": "the kind of image that the editor was fine-tuned on (seen)",
    "unseen": "a kind of image that the editor was not fine-tuned on (unseen)",
    TESTS: "pairs held out from training, each with its true target (test triplets)",
}


def verdict(key: str, gain: Mapping[str, float]) -> Verdict:
    """Return whether a paired difference (fine-tuned − baseline) improves a metric, worsens it, or shows neither."""
    excludes_zero = gain["ci_lo"] > 0 or gain["ci_hi"] < 0
    better = metric(key).better
    if not excludes_zero or not gain.get("p_holm", 1.0) < LEVEL or better == 0:
        return "open"
    return "better" if gain["mean"] * better > 0 else "worse"


def describe_domain(name: str) -> str:
    """Return a domain in words."""
    return DOMAINS.get(name, f"{name} images")


def image_kind(domain: Mapping[str, Any]) -> str:
    """Return `rendered`, `real`, or nothing where the report does not say."""
    return {True: "rendered", False: "real"}.get(domain.get("rendered"), "")


def sentence(name: str, domain: Mapping[str, Any]) -> str:
    """Return what fine-tuning did to the key metrics of a domain, and what got worse for single prompts."""
    keys = [one.key for group in key_metrics().values() for one in group if one.key in domain.get("gain", {})]
    changes: dict[Verdict, list[str]] = {"better": [], "worse": [], "open": []}
    for key in keys:
        found = verdict(key, domain["gain"][key])
        changes[found].append(metric(key).title if found == "open" else _change(key, domain))
    clauses = [
        f"{start} {listed(changes[found])}"
        for found, start in (
            ("better", "fine-tuning improved"),
            ("worse", "fine-tuning worsened"),
            ("open", "no difference is shown in"),
        )
        if changes[found]
    ]
    sources = counted(domain["sources"], f"{image_kind(domain)} image".lstrip())
    start = f"On {describe_domain(name)}, in {counted(domain['probes'], 'edit')} of {sources}, "
    return start + ("; ".join(clauses) or "no key metric was measured") + "." + _worse_by_prompt(domain)


def worse_by_prompt(domain: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return prompt → the key metrics whose interval over its edits alone is on the worse side of zero."""
    keys = {one.key: one.better for group in key_metrics().values() for one in group}
    found = {
        prompt: [key for key, better in keys.items() if key in part["gain"] and _is_worse(part["gain"][key], better)]
        for prompt, part in domain.get("prompts", {}).items()
    }
    return {prompt: worse for prompt, worse in found.items() if worse}


def _is_worse(gain: Mapping[str, float], better: int) -> bool:
    if gain["ci_lo"] == gain["ci_hi"]:  # of one source image, or of equal edits: no interval
        return False
    return better != 0 and max(better * gain["ci_lo"], better * gain["ci_hi"]) < 0


def _worse_by_prompt(domain: Mapping[str, Any]) -> str:
    """Return a sentence that names them, with their differences; empty where prompts were not compared."""
    found = worse_by_prompt(domain)
    if not found:
        return " For no single instruction is a key metric shown to be worse." if domain.get("prompts") else ""
    named = []
    for prompt, keys in found.items():
        for key in keys:
            gain, decimals = domain["prompts"][prompt]["gain"][key], metric(key).decimals
            change = f"{figure(gain['mean'], decimals, signed=True)}, 95 % {interval_of(gain, decimals, signed=True)}"
            named.append(f"{metric(key).title} of “{prompt}” ({change})")
    return f" Worse for single instructions (intervals of each alone, uncorrected): {listed(named)}."


def _change(key: str, domain: Mapping[str, Any]) -> str:
    """Return `title (before → after)`, or the difference where a model's mean is not known."""
    one = metric(key)
    means = [domain.get(model, {}).get(key) for model in ("baseline", "finetuned")]
    if all(means):
        before, after = (figure(estimate["mean"], one.decimals) for estimate in means)
        return f"{one.title} ({before} → {after})"
    return f"{one.title} ({figure(domain['gain'][key]['mean'], one.decimals, signed=True)})"
