"""Words of the domain: `instructions`, `captions`, `garments`, `colours`.

Public: `captions`, `colours`, `garments`, `instructions`.
"""
