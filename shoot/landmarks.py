"""Landmarks of a body at rest: heights that garments are cut at, and coordinates along the arms."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from shoot.bodies import Bodies, Figure

Array = np.ndarray


@dataclass(frozen=True)
class Landmarks:
    """Heights above the floor of one person at rest, m, and joints."""

    joints: dict[str, Array]

    @classmethod
    def of(cls, bodies: "Bodies", figure: "Figure") -> "Landmarks":
        """Measure a figure."""
        return cls(dict(zip(bodies.bones, figure.heads, strict=True)))

    @property
    def hip(self) -> float:
        return self.joints["upperleg01.L"][2]

    @property
    def neck(self) -> float:
        return self.joints["neck01"][2]

    @property
    def size(self) -> float:
        """Height of the neck over that of a middle-sized person."""
        return self.neck / 1.42

    @property
    def crotch(self) -> float:
        return self.hip - 0.085

    @property
    def waist(self) -> float:
        return self.hip + 0.33 * (self.neck - self.hip)

    @property
    def ankle(self) -> float:
        return self.joints["foot.L"][2]

    @property
    def middle(self) -> float:
        """Depth (y) of the trunk's middle."""
        return self.joints["spine03"][1]

    @property
    def nape(self) -> Array:
        """Where a collar sits at the back."""
        return self.joints["neck01"] + np.array([0, 0.055, 0.035]) * self.size

    def leg_centre(self, height: Array) -> Array:
        """Return the distance of a leg's axis from the middle at a height, m."""
        ends = abs(self.joints["foot.L"][0]), abs(self.joints["upperleg01.L"][0])
        return np.interp(height, [self.ankle, self.crotch], ends)

    def along_arm(self, points: Array) -> tuple[Array, Array]:
        """Return how far points lie along the arm of their side, 0 shoulder to 1 wrist, and the angle around it."""
        along, around = np.zeros(len(points)), np.zeros(len(points))
        for side, tag in ((1, "L"), (-1, "R")):
            shoulder, elbow, wrist = (self.joints[f"{name}.{tag}"] for name in ("upperarm01", "lowerarm01", "wrist"))
            mine = points[:, 0] * side > 0
            place = points[mine]
            upper, fore = elbow - shoulder, wrist - elbow
            upper_way, fore_way = upper / np.linalg.norm(upper), fore / np.linalg.norm(fore)
            on_upper, on_fore = (place - shoulder) @ upper_way, (place - elbow) @ fore_way
            below = (place - elbow) @ (upper_way + fore_way) > 0
            share = np.where(below, 0.5 + 0.5 * on_fore / np.linalg.norm(fore), 0.5 * on_upper / np.linalg.norm(upper))
            axis = np.where(
                below[:, None], elbow + np.outer(on_fore, fore_way), shoulder + np.outer(on_upper, upper_way)
            )
            off = place - axis
            along[mine] = share
            around[mine] = np.arctan2(off @ np.cross(upper_way, [0, -1, 0]) * side, -off[:, 1])
        return along, around
