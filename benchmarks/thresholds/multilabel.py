"""Several labels: macro and micro F1 on test rows, thresholds for each label against one for all.

    python multilabel.py --data FOLDER [--set ml_yeast] [--models logistic forest network] [--repeats 3] [--folds 5]

"one threshold" is the best common one out of fold, for the same average. The network holds out-of-fold probabilities
of its own five folds and averages them already, so nothing else is fitted for it and it has no column "and ensemble".
"In hindsight" is the macro F1 of the best thresholds of each label on the test rows themselves: no rule can reach more
with these scores. "Gain" is that of the stable thresholds over the best common one in points, "limit" that of those in
hindsight, with the half-width of a 95 % t-interval over the splits (which overlap, so it is a little too narrow).
"""

import argparse
import warnings

import numpy as np
from measures import best_in_hindsight
from models import loader
from scipy.stats import t as student
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV


def logistic():
    return OneVsRestClassifier(make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)))


def forest():
    return RandomForestClassifier(100, min_samples_leaf=2, random_state=0)


def network():
    return BinaryNetClassifier(n_estimators=5, random_state=0)


MODELS = {"logistic": logistic, "forest": forest, "network": network}


def common_threshold(y, scores, average):
    grid = np.quantile(scores, np.linspace(0, 1, 400))
    return grid[np.argmax([f1_score(y, scores >= t, average=average, zero_division=0) for t in grid])]


def tune(name, X, y, folds):
    """Tuned classifier; its refitted model and the models of the folds are averaged, but for the network."""
    own = name == "network"
    tuner = ThresholdTunerCV(
        MODELS[name](), scoring="f1_macro", cv=None if own else folds, ensemble="auto" if own else True
    )
    return tuner.fit(X, y)


def evaluate(tuned, y_train, X_test, y_test):
    """Test F1 of each way to choose thresholds, by average."""
    scores = tuned.estimator_.predict_proba(X_test)
    if isinstance(scores, list):
        scores = np.column_stack([part[:, 1] for part in scores])
    averaged = tuned.predict_proba(X_test) if tuned.estimators_ else None
    found = {}
    for average in ("macro", "micro"):
        scoring = f"f1_{average}"
        stable = tuned.set_params(selection="stable").retune(scoring=scoring).best_threshold_
        exact = tuned.set_params(selection="argmax").retune(scoring=scoring).best_threshold_
        one = common_threshold(y_train, tuned.oof_scores_, average)
        decisions = [scores >= t for t in (0.5, one, exact, stable)]
        if averaged is not None:
            decisions.append(averaged >= stable)
        values = [f1_score(y_test, d, average=average, zero_division=0) for d in decisions]
        best = [best_in_hindsight("f1", y, s) for y, s in zip(y_test.T, scores.T, strict=True)]
        found[average] = [*values, *[np.nan] * (5 - len(values)), np.mean(best) if average == "macro" else np.nan]
    return found


def points(gains):
    """Write a mean gain in points, with the half-width of its interval where there are several."""
    mean = f"{100 * np.mean(gains):+.1f}"
    if len(gains) < 2:
        return mean
    half = student.ppf(0.975, len(gains) - 1) * np.std(gains, ddof=1) / np.sqrt(len(gains))
    return f"{mean} ± {100 * half:.1f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--set", default="ml_yeast")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    data = loader(options.data).load(options.set)
    X, y = np.asarray(data["X"], dtype=float), np.asarray(data["y"]).astype(int)
    print("| model | average | 0.5 | one threshold | exact, each | stable, each | and ensemble | in hindsight ", end="")
    print("| gain | limit |\n" + "|---" * 10 + "|")
    for name in options.models:
        runs = []
        for seed in range(options.repeats):
            X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.6, random_state=seed)
            tuned = tune(name, X_train, y_train, options.folds)
            runs.append(evaluate(tuned, y_train, X_test, y_test))
        for average in ("macro", "micro"):
            values = np.array([run[average] for run in runs])
            cells = ["" if np.isnan(value) else f"{value:.4f}" for value in values.mean(axis=0)]
            cells.append(points(values[:, 3] - values[:, 1]))
            cells.append(points(values[:, 5] - values[:, 1]) if average == "macro" else "")
            print(f"| {name} | {average} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
