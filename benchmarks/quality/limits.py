"""What this project holds itself to, met or missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .compare import Comparison

RATIOS = {"log_loss": ("log-loss", 0.820), "auc_error": ("1 - AUC", 0.816), "brier": ("Brier", 0.95)}
"""Metric -> heading, greatest geometric mean relative to the base."""
EXCESS = 0.05
"""Greatest share by which the log-loss of a single table may be above the base's."""
CPU_SECONDS = 4.0
"""Greatest median over tables of a warm fit."""
MOST_CPU_SECONDS = 15.0
"""The same for the slowest table."""
LABEL_PEERS = ("hgb", "mlp", "mlp_early")
"""Models to be beaten where there are several labels."""
LABEL_FIGURES = {"ml_yeast": {"log_loss": 0.43, "auc_error": 0.288}}
"""Table with several labels -> greatest figures."""


def verdict(met: bool, says: str, figure: str) -> str:
    return f"- {says}: {'met' if met else '**missed**'} ({figure})"


def judge(found: Comparison, base: str, ours: str) -> list[str]:
    """Return a line for each limit on yes/no tables."""
    lines = []
    for metric, (heading, most) in RATIOS.items():
        ratio = found.ratio(metric, ours, base)
        lines.append(verdict(ratio <= most, f"{heading} at most {most:.3f} times {base}'s", f"{ratio:.3f}"))
    for metric, heading in (("log_loss", "log-loss"), ("auc_error", "AUC")):
        lines.append(_least(found, found.ranks(metric), ours, f"first in mean rank, {heading}", "{:.2f}"))
    errors = found.values["ece"].mean(axis=1)
    lines.append(_least(found, errors, ours, "lowest mean calibration error", "{:.4f}"))
    lost = found.worse("log_loss", ours, base, EXCESS)
    says = f"no table with log-loss more than {EXCESS:.0%} above {base}'s".replace("%", " %")
    lines.append(verdict(not lost, says, ", ".join(lost) or "none"))
    seconds = found.of("fit_cpu", ours)
    for says, most, value in (
        ("median", CPU_SECONDS, float(np.median(seconds))),
        ("slowest table", MOST_CPU_SECONDS, float(seconds.max())),
    ):
        lines.append(verdict(value <= most, f"at most {most:.1f} CPU seconds for a warm fit, {says}", f"{value:.2f}"))
    return lines


def _least(found: Comparison, values: np.ndarray, ours: str, says: str, form: str) -> str:
    own = found.models.index(ours)
    others = [i for i in range(len(values)) if i != own]
    if not others:
        return f"- {says}: nobody to compare with"
    best = min(others, key=lambda i: values[i])
    figure = f"{form.format(values[own])}; {found.models[best]} {form.format(values[best])}"
    return verdict(bool(values[own] < values[best]), says, figure)


def judge_labels(found: Comparison, ours: str, peers: Sequence[str] = LABEL_PEERS) -> list[str]:
    """Return a line for each peer and metric on one table with several labels, then for its own greatest figures."""
    headings = (("log_loss", "log-loss"), ("auc_error", "1 - macro AUC"))
    most = LABEL_FIGURES.get(found.tables[0], {})
    beside = [
        verdict(own < other, f"{heading} better than {peer}", f"{own:.4f}; {peer} {other:.4f}")
        for peer in peers
        if peer in found.models
        for metric, heading in headings
        for own, other in [(found.of(metric, ours)[0], found.of(metric, peer)[0])]
    ]
    absolute = [
        verdict(own <= most[metric], f"{heading} at most {most[metric]:g}", f"{own:.4f}")
        for metric, heading in headings
        if metric in most
        for own in [found.of(metric, ours)[0]]
    ]
    return beside + absolute
