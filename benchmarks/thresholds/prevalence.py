"""Share of positives estimated without labels: error, cover of the interval and false warnings, on the stored models.

    python prevalence.py [--classifiers logistic boosting forest] [--repeats 5]

The test rows of each stored model are thinned to another share of positives. The estimate sees the out-of-fold scores
of the training rows with labels, and the scores of the thinned test rows without. "Drifted" are test rows whose scores
were moved by one on the scale of log-odds, which no share of positives explains.
"""

import argparse
import warnings

import numpy as np
from regret import CACHE
from replay import Replay, register
from scipy.special import expit, logit

from sklearn_binnet import ThresholdTunerCV

SHARES = (0.1, 0.5, 2.0)
"""Odds of a positive in the new rows, relative to those of the training rows."""
METHODS = ("unadjusted", "em", "bbse")


def thinned(y, factor, rng):
    """Rows in which the odds of a positive are `factor` times as high."""
    rare = 1 if factor < 1 else 0
    keep = factor if factor < 1 else 1 / factor
    return np.flatnonzero((y != rare) | (rng.random(len(y)) < keep))


class Moved(Replay):
    """The stored model, its scores moved on the scale of log-odds."""

    def predict_proba(self, X):
        p = expit(logit(super().predict_proba(X)[:, 1].clip(1e-6, 1 - 1e-6)) * 2 + 1)
        return np.column_stack([1 - p, p])


def run_case(path):
    """Rows of (share, method, error, covered, width) and of (warned on thinned rows, warned on drifted rows)."""
    X, y, X_test, y_test, folds = register(path.stem, np.load(path))
    rng = np.random.default_rng(0)
    tuned = ThresholdTunerCV(Replay(path.stem), cv=folds, selection="argmax").fit(X, y)
    errors, warned = [], []
    for factor in SHARES:
        rows = thinned(y_test, factor, rng)
        truth, new = y_test[rows].mean(), X_test[rows]
        for method in METHODS:
            if method == "unadjusted":
                errors.append((factor, method, tuned.predict_proba(new)[:, 1].mean() - truth, np.nan, np.nan))
                continue
            found = tuned.estimate_prevalence(new, method=method)
            low, high = found.interval
            errors.append((factor, method, found.prevalence - truth, low <= truth <= high, high - low))
        warned.append((not found.plausible, np.nan))
    tuned.estimators_ = [Moved(path.stem).fit(X[train], y[train]) for train, _ in folds]
    warned.append((np.nan, not tuned.estimate_prevalence(X_test).plausible))
    return errors, warned


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--classifiers", nargs="*", default=["logistic", "boosting", "forest"])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| classifier | odds | method | mean absolute error | mean error | cover of 0.95 | mean width | cases |")
    print("|---" * 8 + "|")
    for classifier in options.classifiers:
        errors, warned = [], []
        for path in sorted(CACHE.glob(f"*-{classifier}-[0-9].npz")):
            if int(path.stem[-1]) < options.repeats:
                of_case = run_case(path)
                errors += of_case[0]
                warned += of_case[1]
        for factor in SHARES:
            for method in METHODS:
                rows = np.array([row[2:] for row in errors if row[:2] == (factor, method)], dtype=float)
                error, cover, width = rows.T
                cells = [f"{np.abs(error).mean():.4f}", f"{error.mean():+.4f}"]
                cells += ["", ""] if np.isnan(cover).all() else [f"{cover.mean():.2f}", f"{width.mean():.3f}"]
                print(f"| {classifier} | x {factor:g} | {method} | {' | '.join(cells)} | {len(rows)} |", flush=True)
        thin, drifted = np.nanmean(np.array(warned, dtype=float), axis=0)
        print(f"| {classifier} | | warned: thinned {thin:.2f}, drifted {drifted:.2f} | | | | | |", flush=True)


if __name__ == "__main__":
    main()
