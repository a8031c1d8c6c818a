"""Export of a fine-tuned editor: diffusers pipeline, model card, provenance, MLflow's model registry.

Public: `pipeline`, `register`.
"""
