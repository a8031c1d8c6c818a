"""Export of a fine-tuned editor: diffusers pipeline, model card, provenance.

Public: `pipeline`.
"""
