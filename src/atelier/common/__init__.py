"""What every package uses: errors, files, RNG, checkpoints, records, counts, iterables, the click command.

Public: `checkpoints`, `command`, `counts`, `errors`, `files`, `iterables`, `records`, `rng`, `threads`.
"""
