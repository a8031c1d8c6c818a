"""The photographic world: pictures of path-traced people in draped clothes, composed from stored shots.

Public: `compose`, `fabrics`, `logos`, `prints`, `shotfile`.
"""
