"""Several labels: macro and micro F1 on test rows, thresholds for each label against one for all.

    python multilabel.py --data FOLDER [--set ml_yeast] [--models logistic forest network] [--repeats 3] [--folds 5]

"one threshold" is the best common one out of fold, for the same average. The network holds out-of-fold probabilities
of its own five folds and averages them already, so nothing else is fitted for it and it has no column "and ensemble".
"""

import argparse
import warnings

import numpy as np
from models import loader
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
        found[average] = [f1_score(y_test, d, average=average, zero_division=0) for d in decisions]
    return found


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
    print("| model | average | 0.5 | one threshold | exact, each | stable, each | and ensemble |")
    print("|---|---|---|---|---|---|---|")
    for name in options.models:
        runs = []
        for seed in range(options.repeats):
            X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.6, random_state=seed)
            tuned = tune(name, X_train, y_train, options.folds)
            runs.append(evaluate(tuned, y_train, X_test, y_test))
        for average in ("macro", "micro"):
            cells = [f"{value:.4f}" for value in np.mean([run[average] for run in runs], axis=0)]
            print(f"| {name} | {average} | {' | '.join([*cells, '', ''][:5])} |", flush=True)


if __name__ == "__main__":
    main()
