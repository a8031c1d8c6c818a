"""A logo: DreamBooth, Textual Inversion and a grid of LoRA, ranked by a detector, a reader, and what those two miss."""
