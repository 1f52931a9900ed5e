"""Fit the base classifiers once and keep what they say: tuners are compared on the same models.

    python models.py --data FOLDER [--sets sonar pima] [--classifiers logistic] [--repeats 5]

FOLDER holds `load.py` with ``names()`` and ``load(name) -> dict(X, y, cat)``. For each set,
classifier and repeat: a stratified split (at most 3,000 training rows, at most 20,000 test rows),
5 stratified folds, and the probabilities of the refitted and of the fold models for all rows.
What is there already is not computed again.
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

HERE = Path(__file__).parent
CACHE = HERE / "results" / "cache"
MAX_TRAIN, MAX_TEST, FOLDS = 3_000, 20_000, 5


def loader(folder):
    sys.path.insert(0, str(folder))
    return importlib.import_module("load")


def as_numbers(data):
    """Numeric matrix: categories one-hot (rare ones together), missing numbers by the median."""
    frame = data["X"] if isinstance(data["X"], pd.DataFrame) else pd.DataFrame(data["X"])
    parts = []
    for column in frame:
        values = frame[column]
        if values.dtype == object or str(values.dtype) in ("category", "str", "string"):
            values = values.astype(object).where(values.notna(), "missing").astype(str)
            common = values.value_counts()
            values = values.where(values.isin(common.index[:15]), "other")
            parts.append(pd.get_dummies(values).to_numpy(float))
        else:
            values = values.astype(float)
            parts.append(values.fillna(values.median()).to_numpy()[:, None])
    return np.hstack(parts)


def fit_case(make, X, y, seed, max_train):
    """Probabilities of the refitted (row 0) and of the fold models, for train and test rows."""
    train, test = train_test_split(
        np.arange(len(y)),
        train_size=min(max_train, int(0.6 * len(y))),
        stratify=y,
        random_state=seed,
    )
    test = np.random.default_rng(seed).permutation(test)[:MAX_TEST]
    X, y = np.vstack([X[train], X[test]]), np.concatenate([y[train], y[test]])
    n = len(train)
    fold = np.empty(n, dtype=np.int8)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X[:n], y[:n])
    for number, (_, held_out) in enumerate(folds):
        fold[held_out] = number
    proba = []
    for number in range(-1, FOLDS):
        rows = np.flatnonzero(fold != number)
        proba.append(make(seed).fit(X[rows], y[rows]).predict_proba(X)[:, 1])
    return {"y": y, "n_train": n, "fold": fold, "proba": np.array(proba)}


def cases(sets, classifiers, repeats, max_train):
    size = "" if max_train == MAX_TRAIN else f"@{max_train}"
    for name in sets:
        for classifier in classifiers:
            for seed in range(repeats):
                yield name, classifier, seed, CACHE / f"{name}{size}-{classifier}-{seed}.npz"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--classifiers", nargs="*", default=["logistic", "boosting", "forest"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--max-train", type=int, default=MAX_TRAIN)
    options = parser.parse_args()
    load = loader(options.data)
    sets = options.sets or load.names()
    CACHE.mkdir(parents=True, exist_ok=True)
    known = None
    for name, classifier, seed, path in cases(
        sets, options.classifiers, options.repeats, options.max_train
    ):
        if path.exists():
            continue
        if known is None or known[0] != name:
            data = load.load(name)
            known = name, None if np.ndim(data["y"]) > 1 else as_numbers(data), data["y"]
        if known[1] is None:
            continue
        start = time.process_time()
        make = importlib.import_module(f"classifiers.{classifier}").make
        partial = path.with_suffix(".tmp.npz")
        y = np.asarray(known[2]).astype(int)
        np.savez_compressed(partial, **fit_case(make, known[1], y, seed, options.max_train))
        partial.rename(path)
        print(f"{path.stem}: {time.process_time() - start:.1f} s CPU", flush=True)


if __name__ == "__main__":
    main()
