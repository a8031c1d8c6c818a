"""What every package uses: errors, notices, files, RNG, checkpoints, records, counts, the click command.

Public: `checkpoints`, `command`, `counts`, `csv_rows`, `deadlines`, `determinism`, `errors`, `files`, `fingerprint`,
`iterables`, `json_lines`, `launcher`, `listing`, `notices`, `options`, `records`, `rng`, `row_files`, `sealed`,
`stale`, `tensor_files`, `threads`, `values`.
"""
