"""Edit pictures in Python: load an editor once, edit any number of pictures, repeat an edit from its record.

Public: `inputs`, `photo_editor`, `record`, `settings`.
"""
