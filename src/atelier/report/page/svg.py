"""Small charts as inline SVG: scales, axes, marks, labels that keep out of each other's way.

Colours come from the page's CSS (classes), so that a chart follows its theme. Lengths are px of the drawing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from atelier.report.page.html import Markup, element, joined

Point = tuple[float, float]
LETTER, LINE = 6.2, 13.0  # about the width and the height of a label's letters at 11 px


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` to px from `start` to `end` (which may run backwards)."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.logarithmic and self.low <= 0):
            raise ValueError(f"a scale from {self.low} to {self.high}")

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) from `low` to `high`: about `count`, never more than twice.

    Raises:
        ValueError: the range is empty.
    """
    if not low < high:
        raise ValueError(f"ticks from {low} to {high}")
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((power * factor for factor in (1, 2, 5, 10)), key=lambda candidate: abs(candidate - rough))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) + 0.0 for number in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick's number with as many decimals as `step` needs."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}".replace("-", "−")


def step_of(steps: Sequence[float]) -> float:
    """How far apart ticks are."""
    return steps[1] - steps[0] if len(steps) > 1 else abs(steps[0]) or 1.0


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """The range of some values, a little wider; finite and never empty."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    margin = (high - low) * share or abs(high) * share or 1.0
    return low - margin, high + margin


def place_labels(points: Sequence[Point], texts: Sequence[str], width: float, height: float) -> list[Point]:
    """Where each label's left end and baseline go: beside its point, on no other label or point, inside the drawing.

    Of the places tried the first that is free is taken; where none is, the one that covers least.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    placed = []
    for (x, y), text in zip(points, texts, strict=True):
        long = LETTER * len(text)
        lefts = [(x + 8, y + 4), (x - 8 - long, y + 4), (x - long / 2, y - 9), (x - long / 2, y + 18)]
        lefts += [(left, y + shift) for shift in (18, -10, 32, -24, 46, -38) for left in (x + 8, x - 8 - long)]
        boxes = [(left, base - LINE + 3, left + long, base + 3) for left, base in lefts]
        costs = [_overlap(box, taken) + _outside(box, width, height) for box in boxes]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        placed.append(lefts[best])
    return placed


def _overlap(box: Sequence[float], others: Iterable[Sequence[float]]) -> float:
    """Area that a box shares with others."""
    return sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in others
    )


def _outside(box: Sequence[float], width: float, height: float) -> float:
    """A penalty for leaving the drawing, px of overhang × 100."""
    return 100 * sum(max(0.0, over) for over in (-box[0], -box[1], box[2] - width, box[3] - height))


@dataclass
class Plot:
    """A drawing with two axes, added to mark by mark."""

    x: Scale
    y: Scale
    width: float
    height: float
    marks: list[Markup] = field(default_factory=list)

    @classmethod
    def of(
        cls, x: tuple[float, float], y: tuple[float, float], width: float = 360, height: float = 250,
        logarithmic: bool = False,
    ) -> "Plot":  # fmt: skip
        """A plot of these ranges with room for axes; `logarithmic` is the x axis'."""
        return cls(Scale(*x, 56, width - 14, logarithmic), Scale(*y, height - 42, 14), width, height)

    def axes(self, x_label: str, y_label: str, x_ticks: dict[float, str] | None = None) -> None:
        """Axes with grid lines, ticks and labels. `x_ticks` names the x axis' own ticks."""
        bottom, left, right = self.y.start, self.x.start, self.x.end
        steps = ticks(self.y.low, self.y.high)
        for value in steps:
            at = self.y(value)
            self.marks.append(element("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
            self.text(left - 6, at + 4, tick_text(value, step_of(steps)), "tick end")
        steps = ticks(self.x.low, self.x.high)
        named = x_ticks or {value: tick_text(value, step_of(steps)) for value in steps}
        for value, text in named.items():
            at = self.x(value)
            self.marks.append(element("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis"))
            self.text(at, bottom + 16, text, "tick middle")
        self.marks.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
        self.text((left + right) / 2, self.height - 6, x_label, "label middle")
        middle = (self.y.start + self.y.end) / 2
        self.marks.append(
            element("text", y_label, x=10, y=middle, class_="label middle", transform=f"rotate(-90 10 {middle:g})")
        )

    def line(self, points: Iterable[Point], kind: str) -> None:
        """A line through the finite ones of some points."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points if math.isfinite(x + y))
        self.marks.append(element("polyline", points=path, class_=f"line {kind}"))

    def dot(self, point: Point, kind: str, title: str, radius: float = 4.5) -> None:
        """A dot that the pointer and the keyboard can ask for its figures."""
        at = {"cx": self.x(point[0]), "cy": self.y(point[1]), "r": radius}
        self.marks.append(
            element("circle", element("title", title), **at, class_=f"dot {kind}", tabindex=0, role="img",
                    aria_label=title)
        )  # fmt: skip

    def text(self, x: float, y: float, text: str, kind: str) -> None:
        self.marks.append(element("text", text, x=x, y=y, class_=kind))

    def labels(self, points: Sequence[Point], texts: Sequence[str]) -> None:
        """A label beside each point."""
        pixels = [(self.x(x), self.y(y)) for x, y in points]
        for (left, base), text in zip(place_labels(pixels, texts, self.width, self.y.start), texts, strict=True):
            self.text(left, base, text, "label")

    def drawing(self, title: str) -> Markup:
        """The finished SVG; `title` is what it shows, for those who cannot see it."""
        return drawing(title, self.width, self.height, self.marks)


def drawing(title: str, width: float, height: float, marks: Iterable[Markup]) -> Markup:
    """An SVG of these marks that is as wide as its place allows."""
    box = f"0 0 {width:g} {height:g}"
    return element("svg", joined(*marks), viewBox=box, role="group", aria_label=title, style=f"max-width:{width:g}px")


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """(class, words) pairs as a line of keys above a chart."""
    return element(
        "p", [element("span", element("i", class_=f"key {kind}"), words) for kind, words in entries], class_="legend"
    )


def figure(title: str, note: str, *parts: Markup | None, wide: bool = False) -> Markup:
    """A chart with a caption: what it shows, then how to read it. The script writes a dot's figures below it."""
    caption = element("figcaption", element("strong", title), f" {note}" if note else "")
    readout = element("p", class_="readout", aria_hidden="true")
    return element("figure", caption, *parts, readout, class_="wide-figure" if wide else None)
