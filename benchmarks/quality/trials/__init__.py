"""What was tried before the default network was settled: `python -m benchmarks.quality.trials --help`.

- `recipes`: the table of named trials
- `network`: their common training, every ingredient a switch; it keeps the log-odds of every epoch
- `store`: what a trial gave, one file a table and split
- `figures`: metrics of a trial, and of other choices from the same curves
- `report`: tables in Markdown
"""
