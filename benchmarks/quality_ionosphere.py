"""Compare with the first network of the Kaggle course "Intro to Deep Learning" on its own split of ionosphere.

The course trains a 4-4-1 network on 246 rows (`df.sample(frac=0.7, random_state=0)`), stops early on the other 105 and
prints the lowest validation loss and the highest validation accuracy of all epochs: 0.3534 and 0.8857. We report the
median of ten seeds, and beside the course's reading the stricter one: loss and accuracy of the weights that are kept.

    python benchmarks/quality_ionosphere.py
"""

import argparse

import numpy as np
from sklearn.metrics import accuracy_score, log_loss

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet.datasets import load_ionosphere

STOPPING = {"patience": 10, "min_delta": 0.001}
PLAIN = {
    "activation": "relu",
    "encoding": "standardize",
    "learning_rate": 0.01,
    "learning_rate_schedule": "constant",
    "batch_size": 32,
    "epochs": 200,
    "n_estimators": 1,
}
NETWORKS = {
    "4-4, plain": {"hidden_layer_sizes": (4, 4), **STOPPING, **PLAIN},
    "4-4": {"hidden_layer_sizes": (4, 4), **STOPPING},
    "default network": STOPPING,
    "all defaults": {},
}


def split():
    """Return the course's training and validation rows: 33 columns, the constant one left out."""
    X, y = load_ionosphere(return_X_y=True, as_frame=True)
    X = X.loc[:, X.nunique() > 1]
    train = X.sample(frac=0.7, random_state=0).index
    return X.loc[train], y.loc[train], X.drop(train), y.drop(train)


def run(seed, params):
    """Return the figures of one seed."""
    X_train, y_train, X_val, y_val = split()
    clf = BinaryNetClassifier(metrics=["accuracy"], random_state=seed, **params)
    clf.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    kept_loss = log_loss(y_val, clf.predict_proba(X_val), labels=clf.classes_)
    kept_accuracy = accuracy_score(y_val, clf.predict(X_val))
    history = clf.history_
    return kept_loss, kept_accuracy, min(history["val_loss"]), max(history["val_accuracy"]), clf.n_iter_


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="random_state 0, 1, ...: how many (10)")
    seeds = range(parser.parse_args().seeds)
    print(f"median of {len(seeds)} seeds   kept: loss  accuracy   epochs: least loss  most accuracy   run")
    print(f"{'course, one run':<18} {'':>10} {'':>9} {0.3534:>20.4f} {0.8857:>14.4f}")
    for name, params in NETWORKS.items():
        loss, accuracy, least, most, epochs = np.median([run(seed, params) for seed in seeds], axis=0)
        print(f"{name:<18} {loss:>10.4f} {accuracy:>9.4f} {least:>20.4f} {most:>14.4f} {epochs:>5.0f}")


if __name__ == "__main__":
    main()
