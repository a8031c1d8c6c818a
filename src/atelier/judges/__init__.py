"""Networks trained by others on photographs, for metrics: ST-LPIPS compares two images, EfficientNet describes one.

`python -m pretrain.convert_judges` converts them from the packages in which their authors publish them.

Public: `efficientnet`, `folder`, `stlpips`.
"""
