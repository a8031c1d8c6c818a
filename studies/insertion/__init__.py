"""Concept insertion: Textual Inversion, DreamBooth and LoRA from five pictures of a thing."""
