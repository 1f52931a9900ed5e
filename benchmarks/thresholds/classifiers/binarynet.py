"""Our own network: a single one, the rest its defaults (run with ``--classifiers binarynet``)."""

from sklearn_binnet import BinaryNetClassifier


def make(seed):
    return BinaryNetClassifier(n_estimators=1, random_state=seed)
