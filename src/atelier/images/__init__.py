"""Pixels: decoding, colours, tensors, letterboxing, photographs, perceptual hashes, boxes, contact sheets.

Public: `boxes`, `contact_sheet`, `decode`, `depth`, `frames`, `letterbox`, `names`, `phash`, `photo`, `tensors`.
"""
