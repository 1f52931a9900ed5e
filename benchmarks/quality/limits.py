"""What this project holds itself to, met or missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .compare import Comparison

RATIOS = {"log_loss": ("log-loss", 0.86), "auc_error": ("1 - AUC", 0.90), "brier": ("Brier", 0.95)}
"""Metric -> heading, greatest geometric mean relative to the base."""
CPU_SECONDS = 2.0
LABEL_PEERS = ("hgb", "mlp", "mlp_early")
"""Models to be beaten where there are several labels."""


def verdict(met: bool, says: str, figure: str) -> str:
    return f"- {says}: {'met' if met else '**missed**'} ({figure})"


def judge(found: Comparison, base: str, ours: str) -> list[str]:
    """Return a line for each limit on yes/no tables."""
    lines = []
    for metric, (heading, most) in RATIOS.items():
        ratio = found.ratio(metric, ours, base)
        lines.append(verdict(ratio <= most, f"{heading} at most {most:.2f} times {base}'s", f"{ratio:.3f}"))
    for metric, heading in (("log_loss", "log-loss"), ("auc_error", "AUC")):
        lines.append(_least(found, found.ranks(metric), ours, f"first in mean rank, {heading}", "{:.2f}"))
    errors = found.values["ece"].mean(axis=1)
    lines.append(_least(found, errors, ours, "lowest mean calibration error", "{:.4f}"))
    lost = found.worse("log_loss", ours, base)
    lines.append(verdict(not lost, f"no table with log-loss more than 10 % above {base}'s", ", ".join(lost) or "none"))
    seconds = float(np.median(found.of("fit_cpu", ours)))
    says = f"at most {CPU_SECONDS:.1f} CPU seconds for a warm fit, median"
    lines.append(verdict(seconds <= CPU_SECONDS, says, f"{seconds:.2f}"))
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
    """Return a line for each peer and metric on one table with several labels."""
    return [
        verdict(own < other, f"{heading} better than {peer}", f"{own:.4f}; {peer} {other:.4f}")
        for peer in peers
        if peer in found.models
        for metric, heading in (("log_loss", "log-loss"), ("auc_error", "1 - macro AUC"))
        for own, other in [(found.of(metric, ours)[0], found.of(metric, peer)[0])]
    ]
