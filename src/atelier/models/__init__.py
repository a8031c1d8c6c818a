"""Networks: loading, layouts, prediction, LoRA layers.

Public: `base`, `check`, `diffusion`, `feature_net`, `instruct_pix2pix`, `loading`, `lora`, `meta`, `networks`, `parts`,
`text_to_image`.
"""
