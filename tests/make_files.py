"""Write the files of this version that all later ones must load: `python -m tests.make_files`.

Run it for each new version of the format, and for each new kind of fitted estimator. Files that are there already stay
as they are: they are what earlier versions wrote.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet._files._archive import VERSION

DATA = Path(__file__).parent / "data"


def write():
    rng = np.random.default_rng(0)
    n = 60
    X = rng.normal(size=(n, 3)).round(3)
    X[4, 1] = np.nan
    y = (np.nan_to_num(X[:, 1]) + X[:, 0] > 0).astype(int)
    words = np.array(["no", "yes"])[y]
    columns = {"size": X[:, 0], "kind": np.array(["red", "green", "blue"])[np.arange(n) % 3], "depth": X[:, 1]}
    quick = {"hidden_layer_sizes": (3,), "epochs": 3, "n_estimators": 2, "n_bins": 3, "random_state": 0}
    voting = {"hidden_layer_sizes": (6,), "epochs": 3, "n_estimators": 2, "retrieval": True, "random_state": 0}
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="binary_crossentropy")
    several = np.column_stack([y, X[:, 2] > 0])
    full = np.nan_to_num(X)
    estimators = {
        "table": (BinaryNetClassifier(**quick, pos_label="no", threshold=0.4), columns, words),
        "several_labels": (BinaryNetClassifier(**quick, batch_normalization=True), X, several),
        "model": (BinaryNetClassifier(model=model, epochs=2, random_state=0), np.column_stack([full, full]), y),
        "tuned_network": (ThresholdTunerCV(BinaryNetClassifier(**quick), scoring="f1"), X, words),
        "tuned_line": (ThresholdTunerCV(make_pipeline(StandardScaler(), LogisticRegression()), cv=3), full, words),
        "retrieval": (BinaryNetClassifier(**voting), columns, words),
        "retrieval_labels": (BinaryNetClassifier(**voting), X, several),
        "tuned_retrieval": (ThresholdTunerCV(BinaryNetClassifier(**voting), scoring="f1", abstain=0.2), X, words),
        "tuned_groups": (ThresholdTunerCV(LogisticRegression(), scoring="f1", cv=GroupKFold(3)), full, words),
    }
    for name, (estimator, A, target) in estimators.items():
        if (DATA / f"{name}_v{VERSION}.binnet").exists():
            continue
        rows = pd.DataFrame(A) if isinstance(A, dict) else A
        groups = {"groups": np.arange(n) // 4} if name in ("tuned_retrieval", "tuned_groups") else {}
        fitted = estimator.fit(rows, target, **groups)
        known = {f"column_{k}": v for k, v in A.items()} if isinstance(A, dict) else {"X": A}
        known |= {"labels": fitted.predict(rows), "proba": fitted.predict_proba(rows)}
        inner = getattr(fitted, "estimator_", fitted)
        if hasattr(inner, "_fitted"):
            known["weights"] = np.concatenate([w.ravel() for member in inner._fitted.weights for w in member])
        for attribute in ("oof_proba_", "oof_fold_", "member_weights_"):
            if hasattr(inner, attribute):
                known[attribute] = getattr(inner, attribute)
        fitted.save(DATA / f"{name}_v{VERSION}.binnet")
        if hasattr(fitted, "retune"):
            known["threshold"] = fitted.best_threshold_
            known["retuned"] = fitted.retune(scoring="f2").best_threshold_
            known["interval"] = fitted.threshold_interval_
        np.savez_compressed(DATA / f"{name}_v{VERSION}.npz", **known)


if __name__ == "__main__":
    write()
