"""Networks: loading, layouts, prediction, LoRA layers.

Public: `base`, `check`, `config_check`, `diffusion`, `digest`, `feature_net`, `finetuned`, `instruct_pix2pix`,
`loading`, `lora`, `meta`, `networks`, `parts`, `saving`, `text_to_image`, `tokens`.
"""
