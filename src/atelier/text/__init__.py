"""Words of the domain: `instructions`, `captions`, `requests`, `garments`, `colours`.

Public: `captions`, `colours`, `garments`, `instructions`, `requests`.
"""
