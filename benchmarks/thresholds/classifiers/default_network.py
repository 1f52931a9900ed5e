"""Our default network: five networks and five retrieval members (run with ``--classifiers default_network``)."""

from sklearn_binnet import BinaryNetClassifier


def make(seed):
    return BinaryNetClassifier(random_state=seed)
