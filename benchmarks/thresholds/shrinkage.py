"""Would another shrinkage of rare labels serve macro F1 better? Judged on training rows alone.

    python shrinkage.py --data FOLDER [--set ml_yeast] [--models logistic forest] [--repeats 3] [--draws 10]

The out-of-fold scores of the training rows of `multilabel.py` are split at random, three quarters to choose the
thresholds and one quarter to judge them. "covariate" shrinks towards a line in the log-odds of each label's frequency
instead of one common threshold.
"""

import argparse
import warnings

import numpy as np
from models import loader
from multilabel import MODELS, tune
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from sklearn_binnet import _thresholds as th

F1 = th.METRICS["f1"].utility
RULES = ("one threshold", "exact, each", "stable, no shrinkage", "stable, shrunk", "stable, covariate")


def mean_f1(confusions):
    return np.mean([F1(*counts) for counts in confusions], axis=0)


def covariate(problems, chosen):
    """Empirical Bayes around a weighted regression on the log-odds of each label's frequency."""
    own = np.array([float(p.scale.forward(c.threshold)) for p, c in zip(problems, chosen, strict=True)])
    noise = np.array([c.deviation for c in chosen]) ** 2
    rates = np.array([np.log((p.curve.n_positive + 0.5) / (p.curve.n_negative + 0.5)) for p in problems])
    design = np.column_stack([np.ones_like(rates), rates])
    spread = np.var(own)
    for _ in range(20):
        weight = 1 / (spread + noise)
        line = design @ np.linalg.solve(design.T @ (design * weight[:, None]), design.T @ (weight * own))
        excess = (own - line) ** 2 * len(own) / (len(own) - 2) - noise
        spread = max(weight @ excess / weight.sum(), 0.01 * np.var(own))
    z = line + spread / (spread + noise) * (own - line)
    return np.array([float(p.scale.inverse(value)) for p, value in zip(problems, z, strict=True)])


def thresholds(y, scores):
    """Thresholds of each of `RULES`."""
    curves = [th.ThresholdCurve.from_scores(y[:, k], scores[:, k]) for k in range(y.shape[1])]
    problems = [th.Problem(curve, F1, probability=True) for curve in curves]
    common, _ = th.global_threshold(problems, mean_f1)
    alone = [th.select(problem) for problem in problems]
    shrunk = th.select_labels(problems, "stable", 0.95, common)
    return (
        np.full(len(problems), common),
        np.array([th.argmax_threshold(problem) for problem in problems]),
        np.array([selection.threshold for selection in alone]),
        np.array([selection.threshold for selection in shrunk]),
        covariate(problems, alone),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--set", default="ml_yeast")
    parser.add_argument("--models", nargs="*", default=["logistic", "forest"], choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    data = loader(options.data).load(options.set)
    X, y = np.asarray(data["X"], dtype=float), np.asarray(data["y"]).astype(int)
    print("| model | " + " | ".join(RULES) + " |\n" + "|---" * (len(RULES) + 1) + "|")
    for name in options.models:
        found = []
        for seed in range(options.repeats):
            X_train, _, y_train, _ = train_test_split(X, y, train_size=0.6, random_state=seed)
            scores = tune(name, X_train, y_train, options.folds).oof_scores_
            for draw in range(options.draws):
                rows = np.random.default_rng(draw).permutation(len(y_train))
                choose, judge = np.split(rows, [int(0.75 * len(rows))])
                found.append(
                    [
                        f1_score(y_train[judge], scores[judge] >= t, average="macro", zero_division=0)
                        for t in thresholds(y_train[choose], scores[choose])
                    ]
                )
        found = np.array(found)
        error = (found - found[:, [3]]).std(axis=0) / np.sqrt(len(found))
        cells = [f"{value:.4f} ± {e:.4f}" for value, e in zip(found.mean(axis=0), error, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
