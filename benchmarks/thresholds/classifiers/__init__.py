"""Base classifiers: one module each, with ``make(seed) -> unfitted classifier``.

Rows arrive as numbers (categories one-hot encoded, missing values imputed, not scaled). A module
that needs a package which is not there raises ImportError, and the study goes on without it.
"""

NAMES = ("logistic", "boosting", "forest")
