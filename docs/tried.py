"""Write the page `docs/guide/tried.rst`: what was tried on the estimators, and what came of it.

    python docs/tried.py              run the tests that count, and 1,000 fits for memory; then write the page
    python docs/tried.py --only TEXT  run the tests that pytest's -k selects, as a part of it
    python docs/tried.py --memory     the fits for memory alone
    python docs/tried.py --page       write the page from the counts of earlier runs, docs/tried.json

The tests themselves count (`pytest --tried FILE`); nothing on the page is written by hand except its prose.
"""

import argparse
import gc
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
COUNTS, MEMORY, PAGE = (ROOT / "docs" / name for name in ("tried.json", "memory.json", "guide/tried.rst"))
WAYS = (
    ["tests/test_wholesale.py", "--hypothesis-profile=wholesale", "-m", "inputs"],
    ["tests", "-m", "fault"],
)
FITS, PREDICTIONS, SETTLED = 1000, 20_000, 100
PROSE = """\
What was tried
==============

A classifier meets rows that nobody expected, and a search that runs overnight meets full disks and killed processes. We
try such things on purpose. The tests count what they try: {inputs:,} inputs and {kinds} kinds of faults.
``python docs/tried.py`` runs them and writes the tables of this page from their counts.

Bad input
---------

Rows, labels, weights, groups and parameters are drawn at random by `Hypothesis <https://hypothesis.works>`_: of many
types, shapes and layouts, with missing, infinite, huge and denormal values, empty, ragged, masked, memory-mapped or
read-only, with missing labels and labels that were never seen. Each time there must be an answer in which probabilities
are between 0 and 1, or an error of ours: `ValueError`, `TypeError` or `NotFittedError`. No input may be changed, and an
estimator that refused is as it was.

{input_table}

Faults
------

Whatever comes in the way of a fit, the estimator keeps the state that it had before. "Tried" counts the moments, files
or cases; a test that does not count any by itself is one case.

{fault_table}

Long runs
---------

One run of {fits} fits in one process on Linux, each of one network with a layer of 16 units, for two epochs on 300 rows
of 6 columns. The resident memory was {before} MiB after {settled} fits and {after} MiB at the end. After {predictions}
more calls of `predict_proba` with 5 rows it was {after_predictions} MiB.
"""


def run_tests(only):
    for way in WAYS:
        part = ["-k", only] if only else []
        command = [sys.executable, "-m", "pytest", "-q", f"--tried={COUNTS}", *way, *part]
        if subprocess.run(command, cwd=ROOT).returncode not in (0, 5):  # 5: none of them is selected
            sys.exit("A test failed: no page is written.")


def measure_memory():
    """Fit one architecture many times and predict many times; record the resident memory (Linux alone)."""
    import resource

    import numpy as np

    from sklearn_binnet import BinaryNetClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)

    def resident():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    found = {"fits": FITS, "settled": SETTLED, "predictions": PREDICTIONS}
    for i in range(FITS):
        clf = BinaryNetClassifier(hidden_layer_sizes=(16,), epochs=2, n_estimators=1, retrieval=False, random_state=i)
        clf.fit(X, y)
        if i + 1 == SETTLED:
            found["before"] = resident()
    found["after"] = resident()
    for _ in range(PREDICTIONS):
        clf.predict_proba(X[:5])
    found["after_predictions"] = resident()
    MEMORY.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def list_table(heads, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [heads, *rows]:
        lines += [("   * - " if i == 0 else "     - ") + str(cell) for i, cell in enumerate(row)]
    return "\n".join(lines)


def gather(counts):
    """Return the rows of the two tables: inputs by class, and kinds of faults."""
    inputs, faults, happens = {}, Counter(), {}
    for name, test in counts.items():
        if not test["passed"]:
            sys.exit(f"{name} failed: no page is written.")
        for part in test["tried"]:
            if part["kind"] == "inputs":
                inputs.setdefault(tuple(part["what"]), Counter()).update(part["counts"])
            else:
                kind, what = part["what"]
                faults[kind] += sum(part["counts"].values())
                happens.setdefault(kind, what)
    rows = [
        [estimator, what, f"{sum(c.values()):,}", f"{c['answered']:,}", f"{c['refused']:,}"]
        for (estimator, what), c in sorted(inputs.items())
    ]
    return rows, [[kind, f"{n:,}", happens[kind]] for kind, n in sorted(faults.items())]


def page(counts, memory):
    inputs, faults = gather(counts)
    totals = [sum(int(row[i].replace(",", "")) for row in inputs) for i in (2, 3, 4)]
    numbers = {name: f"{value:,.0f}" for name, value in memory.items()}
    return PROSE.format(
        inputs=totals[0],
        kinds=len(faults),
        input_table=list_table(
            ["estimator", "what", "tried", "answered", "refused by a clear error"],
            [*inputs, ["both", "all", *(f"{n:,}" for n in totals)]],
        ),
        fault_table=list_table(["fault", "tried", "what happened, each time"], faults),
        **numbers,
    )


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    everything = not (options.only or options.memory or options.page)
    if everything:
        COUNTS.unlink(missing_ok=True)
    if everything or options.only:
        run_tests(options.only)
    if everything or options.memory:
        measure_memory()
    PAGE.write_text(page(read(COUNTS), read(MEMORY)), encoding="utf-8")


if __name__ == "__main__":
    main()
