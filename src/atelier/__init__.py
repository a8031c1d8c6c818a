"""atelier: fine-tune InstructPix2Pix on fashion images and measure how much that improves its edits."""

__version__ = "0.1.0"
