"""The InstructPix2Pix task: fine-tune an editor on triplets."""
