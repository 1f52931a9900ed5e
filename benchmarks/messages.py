"""The messages of a search on a Dask cluster: how many of each kind, how large, how long one takes to send.

    python -m benchmarks.messages [rows] [--folds splitter|arrays|lists] [--workers N] [--dry]

Starts a scheduler and worker processes on this machine, and runs the search of the guide's page on many machines: four
candidates, five folds, X and y on every worker. The folds come from a splitter, or they are a list of arrays of row
numbers, which are on every worker too, or a list of lists. Prints a line for each kind of message that any process has
written to another, and what one fit takes, so that it can be reckoned where a larger cluster becomes full. With --dry
each fit does nothing, which shows the sizes for many rows without the wait.
"""

import argparse
import time
from collections import defaultdict

import dask
import joblib
import numpy as np
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sklearn_binnet import BinaryNetClassifier


class Dry(BinaryNetClassifier):
    """Has the parameters of the network and learns nothing."""

    def fit(self, X, y):
        return self

    def score(self, X, y):
        return 0.0


COLUMNS = 20
GRID = {"learning_rate": [0.003, 0.01], "hidden_layer_sizes": [(16,), (32,)]}
BUSY = {"heartbeat_worker", "heartbeat-client", "gather", "identity", "heartbeat"}
"""What a cluster says to itself whether or not there is work, and this command's own questions."""


def record(dask_worker=None):
    """From now on this process notes each message that it writes: kind, bytes, seconds."""
    from distributed.comm.tcp import TCP

    if hasattr(TCP, "noted"):
        TCP.noted.clear()
        return
    TCP.noted, write = [], TCP.write

    async def noting(self, message, *arguments, **settings):
        begin = time.perf_counter()
        size = await write(self, message, *arguments, **settings)
        TCP.noted.append((kind(message), size, time.perf_counter() - begin))
        return size

    def kind(message):
        """Several operations may travel as one message; an answer has no operation."""
        parts = message if isinstance(message, (list, tuple)) else [message]
        kinds = {part.get("op", "answer") if isinstance(part, dict) else "answer" for part in parts}
        return " + ".join(sorted(kinds))

    TCP.write = noting


def noted():
    """Return what `record` has noted in this process."""
    from distributed.comm.tcp import TCP

    return list(TCP.noted)


def main(rows: int, folds: str, workers: int, dry: bool) -> None:
    """Run the search, and print its messages."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] + rng.normal(size=rows) > 0).astype(np.int64)
    splits = list(StratifiedKFold(5).split(X, y))
    if folds == "lists":
        splits = [(train.tolist(), test.tolist()) for train, test in splits]
    everywhere = [X, y, *(part for split in splits for part in split)] if folds == "arrays" else [X, y]
    kind = Dry if dry else BinaryNetClassifier
    clf = kind(n_estimators=1, retrieval=False, epochs=4, random_state=0)
    with (
        dask.config.set({"distributed.scheduler.active-memory-manager.start": False}),
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(record)  # in each worker
        record()  # client and scheduler are in this process
        begin = time.perf_counter()
        with joblib.parallel_config(backend="dask", scatter=everywhere):
            scattered = time.perf_counter() - begin
            search = GridSearchCV(clf, GRID, cv=StratifiedKFold(5) if folds == "splitter" else splits, refit=False).fit(
                X, y
            )
        took = time.perf_counter() - begin
        messages = noted() + [message for notes in client.run(noted).values() for message in notes]
    found = defaultdict(list)
    for name, size, seconds in messages:
        if name not in BUSY:
            found[name].append((size, seconds))
    print(f"{rows:,} rows x {COLUMNS} columns ({X.nbytes / 2**20:.1f} MiB), folds: {folds}, {workers} workers")
    fit = search.cv_results_["mean_fit_time"].mean()
    print(f"20 fits: {took:.1f} s, of which scattering {scattered:.1f} s; one fit {fit:.2f} s")
    print(
        f"{'kind of message':<50} {'number':>7} {'median bytes':>13} {'largest':>12} {'all MiB':>8} {'median ms':>10}"
    )
    for name, notes in sorted(found.items(), key=lambda item: -sum(size for size, _ in item[1])):
        sizes, times = map(np.array, zip(*notes, strict=True))
        line = f"{len(sizes):>7} {int(np.median(sizes)):>13,} {sizes.max():>12,} {sizes.sum() / 2**20:>8.2f}"
        print(f"{name[:50]:<50} {line} {1000 * np.median(times):>10.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--folds", choices=["splitter", "arrays", "lists"], default="arrays")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dry", action="store_true")
    main(**vars(parser.parse_args()))
