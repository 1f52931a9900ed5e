"""How fit time grows with rows, columns and the number of networks, and the picture of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from . import data, members
from .measures import timed
from .tasks import OURS, Shape

BASE = Shape(10_000, 20, (64, 32), 256, 2)
ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
COLUMNS = (10, 30, 100, 300, 1_000)
MEMBERS = (1, 2, 5, 10, 20, 50)
MEMBER_BASE = Shape(2_000, 20, (64, 32), 32, 5)
PATIENCE = 60.0
"""Seconds of one fit after which a curve ends."""
AXES = {
    "rows": f"rows ({BASE.columns} columns)",
    "columns": f"columns ({BASE.rows:,} rows)",
    "members": f"networks at once ({MEMBER_BASE.rows:,} x {MEMBER_BASE.columns})",
}


def measure(library: ModuleType, peer: str, repeats: int, dtype: str, quick: bool) -> dict:
    """Return the warm seconds of a fit along each axis: axis -> [[size, seconds], ...]."""

    def fitter(shape: Shape) -> Callable[[], object]:
        X, y, _, _ = data.make(shape.rows, shape.columns, dtype)
        return lambda: library.build(shape, 0).fit(X, y)

    def company(size: int) -> Callable[[], object]:
        X, y, _, _ = data.make(MEMBER_BASE.rows, MEMBER_BASE.columns, dtype)
        jobs = members.prepare(MEMBER_BASE, X, y, size)
        return lambda: members.train_together(jobs)

    points = 2 if quick else None
    curves = {
        "rows": curve(ROWS[:points], lambda n: fitter(replace(BASE, rows=n)), repeats),
        "columns": curve(COLUMNS[:points], lambda n: fitter(replace(BASE, columns=n)), repeats),
    }
    if peer == OURS:
        curves["members"] = curve(MEMBERS[:points], company, repeats)
    return curves


def curve(sizes: tuple[int, ...], job: Callable[[int], Callable], repeats: int) -> list[list]:
    points = []
    for size in sizes:
        call = job(size)
        cold, _ = timed(call)
        seconds = float(np.median([timed(call)[0] for _ in range(1 if cold > 10 else repeats)]))
        points.append([size, seconds])
        if seconds > PATIENCE:
            break
    return points


def draw(curves: dict[str, dict], path: Path) -> None:
    """Draw the curves, log against log: a straight line of slope 1 is proportional cost."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (axis, label) in zip(figure.subplots(1, 3, sharey=True), AXES.items(), strict=True):
        for place, (peer, own) in enumerate(curves.items()):
            if axis in own:
                sizes, seconds = zip(*own[axis], strict=True)
                width = 2.5 if peer == OURS else 1.2
                axes.plot(sizes, seconds, "o-", c=f"C{place}", lw=width, ms=4, label=peer)
        first = next((own[axis] for peer, own in curves.items() if axis in own), None)
        if first:
            (low, seconds), (high, _) = first[0], first[-1]
            line = [seconds, seconds * high / low]
            axes.plot([low, high], line, ":", c="0.6", label="proportional")
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("warm fit, seconds")
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=130)
