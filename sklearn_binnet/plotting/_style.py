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


def axes(ax: Any, caller: str) -> Any:
    """Return the axes to draw on; None makes a figure with room for a legend beside them."""
    plt = pyplot(caller)
    return plt.subplots(figsize=(8, 4), layout="constrained")[1] if ax is None else ax


def line_style(number: int, line_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return how the line of this number is drawn; `line_kwargs` are what the user asked for instead."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number % len(DASHES)]} | line_kwargs


def draw_band(ax: Any, x: Any, band: Any, colour: Any) -> None:
    """Draw the band of a line: its lower and upper end, (2, n_points)."""
    ax.fill_between(x, *band, color=colour, alpha=0.18, linewidth=0, zorder=2)


def name_bands(ax: Any, name: str | None) -> None:
    """Put what the bands are into the legend."""
    if name:
        ax.fill_between([], [], [], color="0.4", alpha=0.3, linewidth=0, label=name)


def finish(ax: Any, title: str | None, legend: bool) -> None:
    """Draw the grid, the title, and the legend beside the axes."""
    ax.grid(alpha=0.25, linewidth=0.6)
    ax.set_axisbelow(True)
    if title:
        ax.set_title(title)
    if legend:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False)


def in_words(name: str) -> str:
    """Return the name of a metric as it is read: ``"binary_accuracy"`` is "binary accuracy"."""
    return name.upper() if name in _ABBREVIATIONS else name.replace("_", " ")
