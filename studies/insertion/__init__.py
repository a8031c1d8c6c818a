"""Concept insertion: Textual Inversion, DreamBooth and LoRA from five images of an object."""
