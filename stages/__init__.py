"""The six stages of the pipeline: prepare, pair, mask, train, generate, evaluate.

Each is one click command: `python -m stages.prepare --help`.
"""
