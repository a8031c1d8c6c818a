"""Pretraining of the embedded InstructPix2Pix editor and of the networks that score and mask its edits."""
