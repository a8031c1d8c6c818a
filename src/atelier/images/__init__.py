"""Pixels: decoding, tensors, letterboxing, photographs, perceptual hashes, boxes, contact sheets.

Public: `boxes`, `contact_sheet`, `decode`, `letterbox`, `names`, `phash`, `photo`, `tensors`.
"""
