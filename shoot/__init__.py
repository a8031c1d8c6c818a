"""The shoot: path-traced people in draped clothes, stored as layers that pictures of any colour and print are made of.

It needs the extra `shoot` (anny, mitsuba, warp); composing pictures from the stored shots does not.
"""
