"""The threshold step alone: ours on a fitted model against scikit-learn's with cv="prefit", F1.

    python speed.py [--rows 100000 1000000] [--repeats 3]

Both get a fitted estimator whose predict_proba returns a column that is there already, so that
nothing but the tuning is timed (checks of the input included). Minimum over the repeats.
"""

import argparse
import time

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import TunedThresholdClassifierCV

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._thresholds import METRICS, Problem, ThresholdCurve, argmax_threshold


class Column(ClassifierMixin, BaseEstimator):
    """Rows are probabilities already."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def predict(self, X):
        return (X[:, 0] >= 0.5).astype(int)


def best_of(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def runs(model, X, y):
    """The four ways, each a function without arguments."""
    common = {"scoring": "f1", "cv": "prefit", "refit": False}

    def sweep():
        curve = ThresholdCurve.from_scores(y == 1, X[:, 0])
        return argmax_threshold(Problem(curve, METRICS["f1"].utility))

    return {
        "scikit-learn": lambda: TunedThresholdClassifierCV(model, **common).fit(X, y),
        "exact sweep": sweep,
        "ours, argmax": lambda: ThresholdTunerCV(model, selection="argmax", **common).fit(X, y),
        "ours, stable": lambda: ThresholdTunerCV(model, **common).fit(X, y),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print("| rows | tuner | seconds | times as fast | threshold |\n|---|---|---|---|---|")
    for n in options.rows:
        rng = np.random.default_rng(0)
        y = (rng.random(n) < 0.2).astype(int)
        X = expit(rng.normal(size=n) + 1.5 * y - 2.5)[:, None]
        base = None
        for name, run in runs(Column().fit(X, y), X, y).items():
            repeats = 1 if name == "scikit-learn" and n > 500_000 else options.repeats
            seconds, result = best_of(run, repeats)
            base = base or seconds
            threshold = getattr(result, "best_threshold_", result)
            print(f"| {n} | {name} | {seconds:.4f} | {base / seconds:.0f} | {threshold:.4f} |")


if __name__ == "__main__":
    main()
