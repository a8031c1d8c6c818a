"""Object detector for one class, trained from scratch on a few hundred small images: SSDLite.

Single-shot detection (Liu et al. 2016) with the depthwise heads of MobileNetV2 (Sandler et al. 2018, "SSDLite"), both
from torchvision, on a backbone of inverted residuals small enough for one CPU core.

torchvision's SSD takes negatives in proportion to an image's positives, so that an image without objects has no
gradient and negative examples teach nothing. Here every image contributes negatives.

Legend: B batch, N images, n boxes of an image, H W pixels, S side, A anchors, K detections of an image. Images are
float32 (B, 3, H, W) in [0, 1]; boxes are x1, y1, x2, y2 in px of the image.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops.misc import Conv2dNormActivation

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.rng import derive_seed, make_generator
from atelier.common.tensor_files import read_tensors, write_tensors
from atelier.models.check import check_tensors, opening, read_object
from atelier.models.config_check import check_numbers

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_NEGATIVES = 3  # hardest negative anchors per positive anchor …
_LEAST = 12  # … and at least this many per image
_CLIP = 5.0  # maximum norm of the gradient


@dataclass(frozen=True)
class Shape:
    """Architecture of a detector; saved as its config.json."""

    side: int = 128  # images are resized to this many px
    widths: tuple[int, ...] = (16, 24, 48, 96, 128)  # channels at strides 2, 4, 8, 16, 32
    depth: int = 3  # blocks at each stride from 8 on
    scales: tuple[float, ...] = (0.17, 0.28, 0.45, 0.7)  # of the anchors, in image sides; one more than feature maps
    ratios: tuple[int, ...] = (2, 3)  # width to height of the anchors; 1 and the inverses are added


class Detector(SSD):
    """SSDLite of a `Shape` with one class beside the background; the seed determines the initial weights."""

    def __init__(self, shape: Shape, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "detector"))
            backbone = _Backbone(shape)
            anchors = DefaultBoxGenerator([list(shape.ratios)] * 3, scales=list(shape.scales))
            head = SSDLiteHead(backbone.out_channels, anchors.num_anchors_per_location(), 2, nn.BatchNorm2d)
        super().__init__(
            backbone,
            anchors,
            size=(shape.side, shape.side),
            num_classes=2,
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
            head=head,
            score_thresh=0.01,
            nms_thresh=0.45,
            detections_per_img=10,
            topk_candidates=50,
        )
        self.shape = shape

    # L = (Σ_pos smooth-L1 + Σ_pos CE + Σ_hardest CE) / max(1, number of positives)      (Liu et al., equation 1)
    def compute_loss(
        self,
        targets: list[dict[str, Tensor]],
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched: list[Tensor],
    ) -> dict[str, Tensor]:
        """Return the losses of boxes and classes; every image contributes at least `_LEAST` negatives."""
        found, wanted = torch.stack(matched) >= 0, []  # (B, A)
        places = found.new_zeros((), dtype=torch.float32)
        for target, boxes, own, given, match in zip(
            targets, outputs["bbox_regression"], anchors, found, matched, strict=True
        ):
            goal = self.box_coder.encode_single(target["boxes"][match[given]], own[given])
            places = places + F.smooth_l1_loss(boxes[given], goal, reduction="sum")
            wanted.append(given.long())
        logits = outputs["cls_logits"]  # (B, A, 2)
        errors = F.cross_entropy(logits.flatten(0, 1), torch.cat(wanted), reduction="none").view(found.shape)
        order = errors.detach().masked_fill(found, -1.0).argsort(1, descending=True).argsort(1)
        hardest = ~found & (order < (_NEGATIVES * found.sum(1, keepdim=True)).clamp_min(_LEAST))
        count = found.sum().clamp_min(1)
        return {"boxes": places / count, "classes": (errors[found].sum() + errors[hardest].sum()) / count}

    @torch.no_grad()
    def detect(self, pictures: Tensor, batch_size: int = 64) -> list[dict[str, Tensor]]:
        """Return per image `boxes` (K, 4) in px and `scores` (K,) in [0, 1], in descending order of score."""
        self.eval()
        return [found for batch in pictures.split(batch_size) for found in self(list(batch))]

    def confidence(self, pictures: Tensor) -> Tensor:
        """Return the highest score in each of B images, (B,) in [0, 1]; 0 if nothing is detected."""
        scores = [found["scores"] for found in self.detect(pictures)]
        return torch.stack([one.max() if len(one) else torch.tensor(0.0) for one in scores])


class _Backbone(nn.Module):
    """Map images (B, 3, S, S) to features at strides 8, 16 and 32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        first, second, *rest = shape.widths
        self.stem = nn.Sequential(
            Conv2dNormActivation(3, first, 3, 2, activation_layer=nn.ReLU6),
            InvertedResidual(first, second, 2, 4),
            InvertedResidual(second, second, 1, 4),
        )
        self.stages, before = nn.ModuleList(), second
        for width in rest:
            rest_of_stage = (InvertedResidual(width, width, 1, 4) for _ in range(shape.depth - 1))
            self.stages.append(nn.Sequential(InvertedResidual(before, width, 2, 4), *rest_of_stage))
            before = width
        self.out_channels = rest

    def forward(self, pictures: Tensor) -> OrderedDict[str, Tensor]:
        maps, features = OrderedDict(), self.stem(pictures)
        for number, stage in enumerate(self.stages):
            features = stage(features)
            maps[str(number)] = features
        return maps


@dataclass(frozen=True)
class Labelled:
    """N images (N, 3, H, W) with their boxes, (n, 4) in px each; n may be 0."""

    pictures: Tensor
    boxes: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.boxes)


def fit_detector(
    detector: Detector, data: Labelled, *, epochs: int, batch_size: int, lr: float, seed: int
) -> Iterator[float]:
    """Train in place with AdamW, one warm-up epoch and a cosine schedule; yield each epoch's mean loss.

    The order of the images is a function of (seed, epoch).

    Raises:
        UserError: the loss is not finite.
    """
    optimiser = torch.optim.AdamW(detector.parameters(), lr=lr, weight_decay=0.01)
    batches = -(-len(data) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, epochs * batches, pct_start=1 / max(epochs, 2))
    label = [torch.ones(len(boxes), dtype=torch.int64) for boxes in data.boxes]
    for epoch in range(epochs):
        detector.train()
        losses = []
        for rows in torch.randperm(len(data), generator=make_generator(seed, "order", epoch)).split(batch_size):
            targets = [{"boxes": data.boxes[row], "labels": label[row]} for row in rows.tolist()]
            loss = sum(detector(list(data.pictures[rows]), targets).values())
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(detector.parameters(), _CLIP)
            optimiser.step()
            schedule.step()
            losses.append(loss.detach())
        mean = torch.stack(losses).mean().item()
        if mean != mean or mean == float("inf"):
            raise UserError(f"detector: the loss in epoch {epoch + 1} is {mean}; lower lr")
        yield mean


def save_detector(detector: Detector, out: Path) -> None:
    """Write config.json and model.safetensors."""
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / _CONFIG).write_text(json.dumps(asdict(detector.shape), indent=2) + "\n", encoding="utf-8")
        state = {name: tensor.contiguous() for name, tensor in detector.state_dict().items()}
        write_tensors(folder / _WEIGHTS, state)


def load_detector(folder: Path) -> Detector:
    """Load a detector that `save_detector` wrote, for inference.

    Raises:
        UserError: the folder holds no detector.
    """
    with opening(f"{folder}: no detector ({_CONFIG}, {_WEIGHTS}) there"):
        facts = read_object(folder / _CONFIG)
        check_numbers(folder / _CONFIG, facts)
        check_tensors(folder / _WEIGHTS)
        shape = Shape(**{key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()})
        detector = Detector(shape, 0)
        detector.load_state_dict(read_tensors(folder / _WEIGHTS))
        detector.detect(torch.zeros(1, 3, 32, 32))
    return detector.eval().requires_grad_(False)
