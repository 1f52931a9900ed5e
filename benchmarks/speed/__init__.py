"""How fast are fits, searches and predictions, side by side with other libraries?

Run `python -m benchmarks.speed` in the root of the repository.

- `tasks.py`: the tasks, their shapes and the limits we hold ourselves to
- `data.py`: the synthetic tables
- `adapters/`: one small file a library
- `measures.py`: what is timed, once in each fresh process
- `members.py`: several networks at once, through `fit_many`
- `worker.py`, `runner.py`: the fresh processes and their order
- `report.py`: medians, ratios, tables, files
- `resident.py`: the resident memory of a process
- `first.py`, `large.py`, `memory.py`: commands of their own, on the default network: from a new Python to the first
  fit, beside CatBoost and LightGBM up to a million rows, and its peak memory
- `scaling.py`: how cost grows, and its picture
"""
