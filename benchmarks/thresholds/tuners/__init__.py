"""Tuners, one module each: ``tune(estimator, X, y, folds, metric, seed) -> fitted classifier``.

`estimator` is an unfitted classifier, `folds` a list of (train, test), `metric` a name of
`measures.METRICS`.
"""

NAMES = ("fixed", "scikit_learn", "ours_argmax", "ours_stable", "ours_ensemble")
