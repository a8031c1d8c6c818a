"""A logo: DreamBooth, Textual Inversion and a grid of LoRA, ranked by a detector, OCR, and scores those two lack."""
