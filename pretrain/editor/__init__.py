"""Pretraining of the embedded editor and of the networks that score it."""
