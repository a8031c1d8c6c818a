"""Words of the domain.

    lexicon                 colours, prints, fabrics and garments, with their synonyms: data files
    words, phrases          the grammar: a text as phrases about garments
    mentions, captions      what a caption says of a garment; rewriting it
    differences             what differs between two captions
    requests                what an instruction requests
    instructions            templates of instructions and captions
    garments, colours       garments of published data sets; the colours of rendered data

Public: `captions`, `colours`, `differences`, `garments`, `instructions`, `lexicon`, `requests`.
"""
