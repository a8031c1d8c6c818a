"""Networks: loading, layouts, prediction, LoRA layers.

Public: `base`, `diffusion`, `feature_net`, `instruct_pix2pix`, `loading`, `lora`, `meta`, `networks`, `text_to_image`.
"""
