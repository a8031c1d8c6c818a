"""The values that the paper reports, to print beside ours. Similarities × 100; None where it reports none.

The paper used another CLIP, another LPIPS network and other pictures: only directions and ratios can be compared.
"""

from dataclasses import dataclass

from atelier.stats.tables import DASH


@dataclass(frozen=True)
class Reported:
    """One row of the paper: CLIP similarity, directional similarity, LPIPS and SSIM (source against edited)."""

    label: str
    domain: str  # seen (DeepFashion2) | unseen (Fashionpedia)
    clip: float
    directional: float
    lpips: float | None = None
    ssim: float | None = None

    def text(self, name: str, digits: int) -> str:
        """Return a value with a number of decimals; a dash where the paper gives none."""
        value = getattr(self, name, None)
        return DASH if value is None else f"{value:.{digits}f}"


MAIN = (  # tables 2, 5 and 6
    Reported("baseline", "seen", 23.03, 7.82),
    Reported("fine-tuned, trimap", "seen", 22.14, 11.91),
    Reported("fine-tuned, table 5", "seen", 22.25, 10.98, 0.3901),
    Reported("baseline", "unseen", 22.81, 6.98, 0.5467),
    Reported("fine-tuned", "unseen", 18.59, 10.52, 0.2882),
)
DIRECTIONAL_RATIO = 1.52  # 11.91 / 7.82

ABLATIONS = (  # table 3
    Reported("A", "seen", 20.51, 12.44, 0.356, 0.495),
    Reported("A", "unseen", 19.43, 9.52, 0.409, 0.488),
    Reported("B", "seen", 20.87, 11.25, 0.270, 0.555),
    Reported("B", "unseen", 19.70, 10.57, 0.364, 0.528),
    Reported("C", "seen", 21.86, 11.62, 0.332, 0.484),
    Reported("C", "unseen", 20.08, 10.89, 0.400, 0.486),
    Reported("D", "seen", 21.72, 12.34, 0.297, 0.492),
    Reported("D", "unseen", 20.14, 10.74, 0.378, 0.515),
)
ABLATION_LOSSES = {  # table 4: training and validation loss of epochs 1 and 2
    "A": ((0.0405, 0.0412), (0.0433, 0.0400)),
    "B": ((0.0513, 0.0524), (0.0484, 0.0545)),
    "C": ((0.0345, 0.0354), (0.0355, 0.0333)),
    "D": ((0.0415, 0.0418), (0.0396, 0.0417)),
}
