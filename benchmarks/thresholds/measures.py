"""The four metrics of the study, for decisions and for all thresholds at once."""

import numpy as np
from sklearn.metrics import make_scorer

MISS = 5.0


def counts(y, decided):
    return (
        np.sum(~decided & (y == 0)),
        np.sum(decided & (y == 0)),
        np.sum(~decided & (y == 1)),
        np.sum(decided & (y == 1)),
    )


def f1(tn, fp, fn, tp):
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def balanced_accuracy(tn, fp, fn, tp):
    return (tp / np.maximum(tp + fn, 1) + tn / np.maximum(tn + fp, 1)) / 2


def matthews_corrcoef(tn, fp, fn, tp):
    product = 1.0 * (tp + fp) * (fn + tn) * (tp + fn) * (fp + tn)
    return (1.0 * tp * tn - 1.0 * fp * fn) / np.sqrt(np.where(product > 0, product, np.inf))


def cost(tn, fp, fn, tp):
    """Minus the cost, in units of the better trivial rule; a miss costs five false alarms."""
    return -(MISS * fn + fp) / np.maximum(np.minimum(MISS * (tp + fn), tn + fp), 1)


METRICS = {
    "f1": f1,
    "balanced_accuracy": balanced_accuracy,
    "matthews_corrcoef": matthews_corrcoef,
    "cost": cost,
}


def cost_of_labels(y_true, y_pred):
    return float(cost(*counts(np.asarray(y_true), np.asarray(y_pred) == 1)))


COST_SCORER = make_scorer(cost_of_labels)


def best_in_hindsight(name, y, scores):
    """Best value that any threshold reaches on these rows."""
    order = np.argsort(-scores, kind="stable")
    s, label = scores[order], y[order]
    last = np.append(np.flatnonzero(s[1:] != s[:-1]), len(s) - 1)
    tp = np.append(0, np.cumsum(label)[last])
    fp = np.append(0, np.cumsum(1 - label)[last])
    return METRICS[name](fp[-1] - fp, fp, tp[-1] - tp, tp).max()
