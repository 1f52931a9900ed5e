"""Several labels: macro and micro F1 on test rows, thresholds for each label against one for all.

python multilabel.py --data FOLDER [--set ml_yeast] [--repeats 5]
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

from sklearn_binnet import ThresholdTunerCV


def common_threshold(y, scores, average):
    grid = np.quantile(scores, np.linspace(0, 1, 400))
    return grid[
        np.argmax([f1_score(y, scores >= t, average=average, zero_division=0) for t in grid])
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--set", default="ml_yeast")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    data = loader(options.data).load(options.set)
    X, y = np.asarray(data["X"], dtype=float), np.asarray(data["y"]).astype(int)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    models = {
        "logistic": OneVsRestClassifier(linear),
        "forest": RandomForestClassifier(100, min_samples_leaf=2, random_state=0),
    }
    print("| model | average | 0.5 | one threshold | exact, each | stable, each | and ensemble |")
    print("|---|---|---|---|---|---|---|")
    for name, model in models.items():
        rows = {"macro": [], "micro": []}
        for seed in range(options.repeats):
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, train_size=0.6, random_state=seed
            )
            tuned = ThresholdTunerCV(model, scoring="f1_macro", ensemble=True).fit(X_train, y_train)
            scores = tuned.estimator_.predict_proba(X_test)
            if isinstance(scores, list):
                scores = np.column_stack([part[:, 1] for part in scores])
            averaged = tuned.predict_proba(X_test)
            for average, found in rows.items():
                scoring = f"f1_{average}"
                stable = tuned.set_params(selection="stable").retune(scoring=scoring)
                thresholds = stable.best_threshold_
                exact = tuned.set_params(selection="argmax").retune(scoring=scoring).best_threshold_
                one = common_threshold(y_train, tuned.oof_scores_, average)
                decisions = (scores >= 0.5, scores >= one, scores >= exact, scores >= thresholds)
                decisions += (averaged >= thresholds,)
                found.append(
                    [f1_score(y_test, d, average=average, zero_division=0) for d in decisions]
                )
        for average, found in rows.items():
            cells = " | ".join(f"{value:.4f}" for value in np.mean(found, axis=0))
            print(f"| {name} | {average} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
