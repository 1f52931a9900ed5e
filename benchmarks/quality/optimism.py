"""How optimistic are out-of-fold figures of the network? `python -m benchmarks.quality.optimism --data FOLDER`.

The fold that scores a row has also chosen the epoch of its network, so `oof_proba_` may look better than a network does
on fresh rows; and a threshold is judged by the rows that chose it. Both are compared here with the test rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import balanced_accuracy_score

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV

from . import data
from .__main__ import commas, numbers
from .metrics import log_loss

SCORING = "balanced_accuracy"
LOG_LOSSES = ("out-of-fold", "single networks", "ensemble")
SCORES = ("expected", "tuned", "0.5", "best")
Line = dict[str, float]


def best_score(y: NDArray, p: NDArray) -> float:
    """Return the balanced accuracy at the threshold that the rows themselves like best."""
    order = np.argsort(-p)
    y, p = y[order] == 1, p[order]
    recall, fall_out = np.cumsum(y) / y.sum(), np.cumsum(~y) / (~y).sum()
    ends = np.r_[p[1:] != p[:-1], True]  # equal probabilities fall on one side
    return float(max(0.5, (0.5 + (recall - fall_out)[ends] / 2).max()))


def single_networks(clf: BinaryNetClassifier, X: NDArray, y: NDArray) -> float:
    """Return the mean log-loss of the single networks, with the ensemble's temperature."""
    each = [np.asarray(network(X), float)[:, 0] for network in clf.models_]
    return float(np.mean([log_loss(y, expit(logit(np.clip(p, 1e-9, 1 - 1e-9)) / clf.temperature_)) for p in each]))


def measure(table: str, seed: int, folder: Path | None, classifier: BinaryNetClassifier) -> Line:
    """Return log-losses, and balanced accuracies at thresholds, of one fit."""
    X, y, X_test, y_test = data.arrays(table, seed, folder)
    clf = classifier.set_params(random_state=seed).fit(X, y)
    tuner = ThresholdTunerCV(clf, scoring=SCORING, cv="oof", refit=False, random_state=seed).fit(X, y)
    p = clf.predict_proba(X_test)[:, 1]
    return {
        "out-of-fold": log_loss(y, clf.oof_proba_),
        "single networks": single_networks(clf, X_test, y_test),
        "ensemble": log_loss(y_test, p),
        "expected": tuner.best_score_,
        "tuned": balanced_accuracy_score(y_test, p >= tuner.best_threshold_),
        "0.5": balanced_accuracy_score(y_test, p >= 0.5),
        "best": best_score(y_test, p),
    }


def summary(lines: Mapping[tuple[str, int], Line]) -> list[str]:
    """Return the figures over tables in words."""
    tables = sorted({table for table, _ in lines})

    def mean(table: str, name: str) -> float:
        return float(np.mean([line[name] for (t, _), line in lines.items() if t == table]))

    def columns(name: str) -> NDArray:
        return np.array([mean(table, name) for table in tables])

    out = []
    for other in LOG_LOSSES[1:]:
        ratio = np.log(columns("out-of-fold") / columns(other))
        out.append(f"- log-loss, out-of-fold / {other} on test rows: {np.exp(ratio.mean()):.3f}{error(ratio)}")
    surplus = columns("expected") - columns("tuned")
    out.append(f"- balanced accuracy, expected less reached on test rows: {surplus.mean():+.4f}{error(surplus)}")
    for name, says in (("tuned", "tuned threshold"), ("0.5", "threshold 0.5")):
        regret = columns("best") - columns(name)
        out.append(f"- regret of the {says}, beside the best one on the test rows: {regret.mean():.4f}{error(regret)}")
    return out


def error(values: NDArray) -> str:
    """Return the standard error of a mean over tables, in words."""
    return f" (standard error {values.std(ddof=1) / len(values) ** 0.5:.4f})" if len(values) > 1 else ""


def report(lines: Mapping[tuple[str, int], Line]) -> str:
    """Return a Markdown table, a line a fit, and figures over tables."""
    heads = [
        "table",
        "split",
        *(f"log-loss: {name}" for name in LOG_LOSSES),
        *(f"threshold: {name}" for name in SCORES),
    ]
    rows = [
        [table, str(seed), *(f"{line[name]:.4f}" for name in (*LOG_LOSSES, *SCORES))]
        for (table, seed), line in sorted(lines.items())
    ]
    text = ["| " + " | ".join(cells) + " |" for cells in [heads, ["---"] * len(heads), *rows]]
    return "\n".join([*text, "", *summary(lines)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.optimism", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, help="folder of tables, as for benchmarks.quality; without it those of scikit-learn")
    add("--sets", type=commas, help="x,y: tables; default: all yes/no tables of the folder")
    add("--splits", type=numbers, default=[0], help="how many (2 is 0 and 1), or which: 1,2 or 1, (default: split 0)")
    add("--epochs", type=int, help="of the network; default: its own")
    args = parser.parse_args(argv)
    there = data.names(args.data)
    tables = args.sets or (there if args.data is None else [name for name in there if name not in data.BUILT_IN])
    lines = {
        (table, seed): measure(table, seed, args.data, BinaryNetClassifier(epochs=args.epochs))
        for table in tables
        if data.load(table, args.data).y.ndim == 1
        for seed in args.splits
    }
    print(report(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
