"""How good are the probabilities of one fit, beside other libraries? `python -m benchmarks.quality --help`.

- `data`: tables, rows, splits and the encoded form that everybody gets
- `adapters`: one module a library
- `worker`: one fit on one core, timed; `runner`: which fits, in processes that may crash
- `cache`: what a fit gave, one JSON and the predictions
- `metrics`: figures of predictions; `compare`: figures over sets, ranks and tests
- `limits`: what this project holds itself to
- `report`, `plot`: tables and picture

`optimism` is a command of its own: do the out-of-fold figures of our network hold on test rows?
"""
