"""The settings of concept learning: a section of a study's parameters."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from atelier.config import LoopSettings, fields


class Concept(LoopSettings):
    """One run. `lr` is the denoiser's learning rate; for textual_inversion it is that of the new tokens.

    The defaults of a method's own keys are those of its paper or of diffusers' scripts.
    """

    method: Literal["dreambooth", "textual_inversion", "lora"]
    # textual_inversion: as many new tokens as there are vectors, each initialised as a copy of the initialiser's
    placeholder: fields.Text = ""
    initialiser: fields.Text = ""
    vectors: Annotated[int, Field(ge=1, le=1000)] = 1
    # lora
    lora_rank: fields.Rank = 4
    lora_alpha: fields.Positive = 4.0
    lora_targets: fields.NameList = "to_q+to_k+to_v+to_out.0"
    text_lr: fields.NonNegative = 0.0  # of the text encoder's adapters; 0: none
    text_targets: fields.NameList = "q_proj+k_proj+v_proj+out_proj"
    # factors on a sample's squared error, besides its row's own weight
    snr_gamma: fields.Positive | None = None  # noise and velocity: Min-SNR-γ
    flow_error: Literal["velocity", "clean"] = "velocity"  # flow matching: `clean` is the velocity's times σ²
    # the loop, as in params.yaml's `train`
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: fields.Share = 0.0
    optimizer: Literal["adamw", "adamw8bit"] = "adamw"
    weight_decay: fields.NonNegative = 0.01
    clip_norm: fields.Positive = 1.0
    accumulate: fields.Batch = 1
    gradient_checkpointing: bool = False
    ema: fields.Decay = 0.0  # 0: the EMA is the trained tensors themselves
    ema_warmup: bool = True
    patience: fields.Count = 1_000_000  # epochs without a better score
    checkpoint_steps: fields.Count = 100

    @model_validator(mode="after")
    def _consistent(self) -> "Concept":
        if self.method == "textual_inversion" and not (self.placeholder and self.initialiser):
            raise ValueError("textual_inversion needs a placeholder and an initialiser")
        if self.text_lr and self.method != "lora":
            raise ValueError(f"text_lr: {self.method} trains no adapters of the text encoder; leave it at 0")
        return self
