"""What the displays share: matplotlib, brought in late, and colours that everybody can tell apart."""

from __future__ import annotations

from typing import Any

# Okabe, Ito (2008), "Color universal design": told apart with any kind of colour vision. Black and grey are left for
# what is chosen and how sure it is.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Lines differ in their dashes too, for print without colours.
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (3, 1, 1, 1, 1, 1)))

_ABBREVIATIONS = {"auc", "f1", "f2", "fdr", "fnr", "fpr", "mcc", "npv", "ppv", "tnr", "tpr"}


def pyplot(caller: str) -> Any:
    """Return matplotlib.pyplot.

    Raises
    ------
    ImportError
        matplotlib is not installed; the message says who asked for it and how to get it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. Install it: pip install matplotlib."
        ) from error
    return plt


def in_words(name: str) -> str:
    """Return the name of a metric as it is read: ``"binary_accuracy"`` is "binary accuracy"."""
    return name.upper() if name in _ABBREVIATIONS else name.replace("_", " ")
