"""Bodies: sampled people of anny's model, at rest and in a pose, with the helper meshes that clothes are cut from.

The model's mesh is MakeHuman's (CC0), with 19,158 vertices; its helpers are tights, a skirt, hair, eyes and lashes.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import anny
import numpy as np
import torch

from shoot.meshes import compact, triangles
from shoot.poses import Pose, pose_bones

Array = np.ndarray
DATA = Path(anny.__file__).parent / "data/mpfb2"
_FACE = ("nose", "chin", "mouth", "forehead", "head", "eye", "cheek", "ear")
_ARM = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")


@dataclass(frozen=True)
class Person:
    """Who somebody is, whatever they wear and do."""

    seed: int
    female: bool
    age: float  # of the model: 25 years are 0.667 and 90 are 1 for MakeHuman; 18 are 0.77 and 64 are 0.83 for anny
    origins: tuple[float, float, float]  # shares of the model's African, Asian and European shapes
    shape: dict[str, float]
    face: dict[str, float]  # deviations of facial features

    @property
    def old(self) -> bool:
        """Whether the hair is probably grey."""
        return self.age > 0.88


@dataclass(frozen=True)
class Figure:
    """A person in a pose; vertices are those of the base mesh, feet on z = 0."""

    person: Person
    pose: Pose
    heads: Array  # joints at rest, (bones, 3), m
    rest: Array  # (n, 3), m
    posed: Array  # (n, 3), m
    joints: Array  # joints in the pose, (bones, 3), m


def sample_person(seed: int, labels: list[str]) -> Person:
    """Draw a person: any sex and origin, all builds, adult by both scales of the model's age.

    Args:
        labels: names of the model's local changes.
    """
    rng = np.random.default_rng([seed, 1])
    female = bool(rng.random() < 0.55)
    origins = rng.dirichlet([0.35, 0.35, 0.45])
    age = rng.uniform(0.76, 0.84) if rng.random() < 0.85 else rng.uniform(0.84, 0.97)
    shape = {
        "gender": rng.uniform(0.88, 1) if female else rng.uniform(0, 0.12),
        "age": age,
        "muscle": np.clip(rng.normal(0.5 if female else 0.6, 0.13), 0.2, 0.9),
        "weight": np.clip(rng.normal(0.47, 0.14), 0.15, 0.9),
        "height": np.clip(rng.normal(0.52, 0.13), 0.2, 0.85),
        "proportions": rng.uniform(0.55, 0.95),
        "cupsize": np.clip(rng.normal(0.45, 0.12), 0.2, 0.75),
        "firmness": rng.uniform(0.5, 0.8),
        "african": origins[0],
        "asian": origins[1],
        "caucasian": origins[2],
    }
    features = sorted({_both_sides(name) for name in labels} - {None})
    drawn = {name: float(np.clip(rng.normal(0, 0.23), -0.6, 0.6)) for name in features}
    face = {name: drawn[_both_sides(name)] for name in labels if _both_sides(name)}
    return Person(seed, female, age, tuple(origins), {key: float(value) for key, value in shape.items()}, face)


def _both_sides(label: str) -> str | None:
    """Return a facial feature's name without its side; None if it is no feature of the face, or moves or ages it."""
    name = label.removeprefix("l-").removeprefix("r-")
    odd = any(word in name for word in ("trans", "age", "angle-out", "angle-up", "ear-wing", "ear-flap"))
    return name if name.split("-")[0] in _FACE and not odd else None


class Bodies:
    """The body model, loaded once."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.model = anny.Anny(
            rig="anny", topology="makehuman-full", local_changes="default", facial_actions="all", phenotypes="all"
        ).to(dtype=torch.float32)
        self.bones = list(self.model.bone_labels)
        self.features = list(self.model.local_change_labels)
        self.texture, self.groups = _read_obj(DATA / "3dobjs/base.obj")
        middle = dict.fromkeys(self.model.phenotype_labels, 0.5)
        self.mean = self._run(np.tile(np.eye(3), (len(self.bones), 1, 1)), middle, {}, {})["rest_vertices"][0].numpy()
        self.skin_ids, self.skin_quads = compact(self.groups["body"][:, :, 0])
        self.skin_triangles = triangles(self.skin_quads)

    @cached_property
    def arm_weights(self) -> Array:
        """Share of each vertex that moves with an arm, (n,)."""
        return self.weights_of(np.array([name.startswith(_ARM) for name in self.bones]))

    def weights_of(self, chosen: Array) -> Array:
        """Return the share of each vertex that moves with chosen bones, bool (bones,): (n,)."""
        weights, bones = self.model.vertex_bone_weights.numpy(), self.model.vertex_bone_indices.numpy()
        return (weights * chosen[bones]).sum(1)

    def figure(self, person: Person, pose: Pose, seed: int, turned: dict[str, Array] | None = None) -> Figure:
        """Put a person into a pose; the seed draws jitter and expression.

        Args:
            turned: further rotations of bones, (3, 3), by their names.
        """
        rng = np.random.default_rng([seed, 2])
        still = np.tile(np.eye(3), (len(self.bones), 1, 1))
        at_rest = self._run(still, person.shape, person.face, {})
        heads, rest = at_rest["rest_bone_heads"][0].numpy(), at_rest["rest_vertices"][0].numpy()
        turns = pose_bones(self.bones, heads, pose, rng)
        for bone, turn in (turned or {}).items():
            turns[self.bones.index(bone)] = turn @ turns[self.bones.index(bone)]
        posed = self._run(turns, person.shape, person.face, _expression(rng))
        vertices = posed["vertices"][0].numpy()
        floor = np.float32([0, 0, vertices[self.skin_ids, 2].min()])
        rest_floor = np.float32([0, 0, rest[self.skin_ids, 2].min()])
        joints = posed["bone_poses"][0, :, :3, 3].numpy() - floor
        return Figure(person, pose, heads - rest_floor, rest - rest_floor, vertices - floor, joints)

    def _run(self, turns: Array, shape: dict, face: dict, expression: dict) -> dict[str, torch.Tensor]:
        pose = torch.eye(4)[None, None].repeat(1, len(self.bones), 1, 1)
        pose[0, :, :3, :3] = torch.as_tensor(np.asarray(turns), dtype=torch.float32)
        with torch.no_grad():
            return self.model(
                pose_parameters=pose, phenotype_kwargs=shape, local_changes_kwargs=face, facial_actions=expression
            )


def _expression(rng: np.random.Generator) -> dict[str, float]:
    """Draw a friendly or neutral expression, in the model's facial actions."""
    smile = rng.uniform(0.0, 0.85) if rng.random() < 0.75 else 0.0
    open_mouth = rng.uniform(0, 0.12) if smile > 0.45 else 0.0
    blink = rng.uniform(0.0, 0.12)
    return {
        "mouthSmileLeft": smile,
        "mouthSmileRight": smile * rng.uniform(0.85, 1.0),
        "cheekSquintLeft": smile * 0.5,
        "cheekSquintRight": smile * 0.5,
        "jawOpen": open_mouth,
        "eyeBlinkLeft": blink,
        "eyeBlinkRight": blink,
        "browInnerUp": rng.uniform(0, 0.35),
        "browOuterUpLeft": rng.uniform(0, 0.3),
        "browOuterUpRight": rng.uniform(0, 0.3),
    }


def _read_obj(path: Path) -> tuple[Array, dict[str, Array]]:
    """Read texture coordinates (t, 2) and, for each group, the vertex and texture ids of its quads, int (f, 4, 2)."""
    texture, groups, current = [], {}, []
    for line in path.read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "vt":
            texture.append([float(value) for value in rest[:2]])
        elif word == "g":
            current = groups.setdefault(rest[0], [])
        elif word == "f":
            current.append([[int(part) - 1 for part in corner.split("/")[:2]] for corner in rest])
    return np.array(texture), {name: np.array(q) for name, q in groups.items() if not name.startswith("joint")}
