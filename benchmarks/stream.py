"""The memory of training on a Parquet file block by block, beside that of one fit on all rows.

    python -m benchmarks.stream [millions of rows]

Prints a line for every tenth of the file: rows seen, seconds, resident memory of the process, AUC on other rows.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from sklearn.metrics import roc_auc_score

from benchmarks.speed.resident import resident
from sklearn_binnet import BinaryNetClassifier

BLOCK, COLUMNS = 100_000, 20


def rows(rng, n):
    """Return a table of numbers, one category, and answers that depend on both."""
    X = rng.normal(size=(n, COLUMNS)).astype(np.float32)
    kind = rng.integers(0, 5, n)
    logit = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + (kind == 2)
    yes = rng.random(n) < 1 / (1 + np.exp(-2 * logit))
    columns = {f"c{i}": X[:, i] for i in range(COLUMNS)}
    return pa.table(columns | {"kind": np.array(list("abcde"))[kind], "yes": yes.astype(np.int8)})


def split(table):
    """Return columns and answers."""
    return table.drop_columns(["yes"]), table["yes"].to_numpy()


def main(millions: float = 5.0) -> None:
    """Write the file, learn from it block by block, then from as much as one fit takes."""
    rng, n_blocks = np.random.default_rng(0), int(millions * 1e6 / BLOCK)
    test_X, test_y = split(rows(rng, BLOCK))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        first = rows(rng, BLOCK)
        with pyarrow.parquet.ParquetWriter(path, first.schema) as file:
            file.write_table(first)
            for _ in range(n_blocks - 1):
                file.write_table(rows(rng, BLOCK))
        print(f"{n_blocks * BLOCK:,} rows, {COLUMNS + 1} columns, {path.stat().st_size / 2**20:.0f} MiB on disk")
        stream = BinaryNetClassifier(hidden_layer_sizes=(64, 64), random_state=0)
        begin = time.perf_counter()
        for number, batch in enumerate(pyarrow.dataset.dataset(path).to_batches(batch_size=BLOCK, batch_readahead=1)):
            X, y = split(pa.Table.from_batches([batch]))
            stream.partial_fit(X, y, classes=[0, 1])
            if number % max(n_blocks // 10, 1) == 0:
                auc = roc_auc_score(test_y, stream.predict_proba(test_X)[:, 1])
                memory = resident()[0]
                seconds = time.perf_counter() - begin
                print(f"{(number + 1) * BLOCK:>12,} rows {seconds:>7.1f} s {memory:>7.0f} MiB   AUC {auc:.4f}")
        X, y = split(pyarrow.parquet.read_table(path))
        begin = time.perf_counter()
        whole = BinaryNetClassifier(hidden_layer_sizes=(64, 64), n_estimators=1, epochs=1, random_state=0).fit(X, y)
        auc = roc_auc_score(test_y, whole.predict_proba(test_X)[:, 1])
        peak = resident()[1]
        print(f"one fit, one epoch {time.perf_counter() - begin:>7.1f} s {peak:>7.0f} MiB   AUC {auc:.4f}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
