"""Generate stage: which edits are sampled, guided sampling, photographs, batch CSVs.

Public: `batch_csv`, `edit`, `photos`, `plan`, `text_to_image`.
"""
