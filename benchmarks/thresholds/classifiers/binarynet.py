"""Our own network, its defaults (run with ``--classifiers binarynet``)."""

from sklearn_binnet import BinaryNetClassifier


def make(seed):
    return BinaryNetClassifier(random_state=seed)
