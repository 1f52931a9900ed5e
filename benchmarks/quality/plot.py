"""Mean ranks on an axis; bars join models that do not differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .compare import Comparison, cliques

HEADINGS = {"log_loss": "log-loss", "auc_error": "AUC"}


def draw(found: Comparison, says: Mapping[str, str], path: Path, level: float = 0.05) -> None:
    """Draw a panel for log-loss and one for AUC, best models at the left.

    Parameters
    ----------
    found : Comparison
    says : mapping
        Model -> name.
    path : Path
        PNG to write.
    level : float, default=0.05
        Of the tests: Wilcoxon's signed-rank test of every two models, corrected by Holm.

    References
    ----------
    Critical-difference diagrams: J. Demsar, JMLR 2006; with these tests: A. Benavoli et al., JMLR 2016.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = {model: says[model].replace("*", "").replace("`", "").replace(", scaled", "") for model in found.models}
    half = (len(found.models) + 1) // 2
    figure = Figure(figsize=(9, 2 * (1.3 + 0.24 * half)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (metric, heading) in zip(figure.subplots(2, 1), HEADINGS.items(), strict=True):
        panel(axes, found, names, metric, level)
        axes.set_title(f"Mean rank in {heading} over {len(found.tables)} tables", fontsize=10)
    figure.savefig(path, dpi=110)


def panel(axes, found: Comparison, names: Mapping[str, str], metric: str, level: float) -> None:
    ranks = found.ranks(metric)
    order = np.argsort(ranks, kind="stable")
    n = len(order)
    half = (n + 1) // 2
    runs = cliques(found, metric, level)
    step, bar = 1.0, 0.45
    below = bar * (len(runs) + 1)
    # room for the names beside the axis
    room = 0.5 * (n - 1)
    axes.set_xlim(1 - room, n + room)
    axes.set_ylim(-(below + step * half), 1)
    axes.axis("off")
    axes.plot([1, n], [0, 0], color="black", linewidth=1)
    for tick in range(1, n + 1):
        axes.plot([tick, tick], [0, 0.25], color="black", linewidth=1)
        axes.text(tick, 0.35, str(tick), ha="center", va="bottom", fontsize=8)
    for place, i in enumerate(order):
        left = place < half
        depth = -(below + step * ((place if left else n - 1 - place) + 0.5))
        edge = 1 - 0.02 * room if left else n + 0.02 * room
        axes.plot([ranks[i], ranks[i], edge], [0, depth, depth], color="grey", linewidth=0.8)
        name, rank = names[found.models[i]], f"{ranks[i]:.2f}"
        text = f"{name}  {rank} " if left else f" {rank}  {name}"
        axes.text(edge, depth, text, ha="right" if left else "left", va="center", fontsize=8)
    for place, (first, last) in enumerate(runs):
        height = -bar * (place + 1)
        span = [ranks[order[first]], ranks[order[last]]]
        axes.plot(span, [height, height], color="black", linewidth=3, solid_capstyle="round")
