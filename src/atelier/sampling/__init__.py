"""Generate stage: which edits are sampled, guided sampling, photos, and a CSV of photos.

Public: `batch_csv`, `edit`, `keep`, `photos`, `plan`, `probe_masks`, `regions`, `text_to_image`.
"""
