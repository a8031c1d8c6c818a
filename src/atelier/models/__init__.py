"""Networks: loading, layouts, prediction, LoRA layers.

Public: `blocks`, `diffusion`, `feature_net`, `instruct_pix2pix`, `loading`, `lora`, `meta`, `networks`, `scaling`,
`text_to_image`, `words`.
"""
