"""The trials' tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from . import figures, store
from .figures import CHOICES, METRICS, Figures
from .recipes import TRIALS
from .store import Cell

PATIENCES = (5, 10, 14)
PARTNERS = (("again",), ("prototype",), ("again", "prototype"))
"""Trials whose members may join those of the package's recipe."""
OURS = "product"

All = Mapping[Cell, Figures]


def make(
    folder: Path,
    trials: Sequence[str] | None = None,
    tables: Sequence[str] | None = None,
    splits: Sequence[int] | None = None,
) -> str:
    """Return the report on what the folder has, or on what is named of it.

    Raises
    ------
    ValueError
        If there is nothing of the package's recipe, which everything is compared with.
    """
    wanted = [name for name in TRIALS if trials is None or name in (*trials, OURS)]
    reference = {
        cell: figures.figures(*store.read_reference(folder, cell))
        for cell in store.cells(folder, store.REFERENCE)
        if (tables is None or cell[0] in tables) and (splits is None or cell[1] in splits)
    }
    found: dict[str, All] = {}
    seconds: dict[str, dict[Cell, float]] = {}
    for name in wanted:
        curves = {c: store.read_curves(folder, name, c) for c in store.cells(folder, name) if c in reference}
        if curves:
            found[name] = {cell: figures.standard(one) for cell, one in curves.items()}
            seconds[name] = {cell: one.seconds for cell, one in curves.items()}
    if OURS not in found:
        raise ValueError(
            f"{folder} has no result of {OURS!r} on these tables; run it first: others are compared to it."
        )
    lines = ["### Trials", "", *overview(found, reference, seconds), ""]
    lines += ["### Other choices from the same curves", "", *offline(folder, found[OURS], reference), ""]
    lines += ["### Log-loss table by table, relative to the package's recipe", "", *by_table(found, reference)]
    return "\n".join(lines)


def overview(found: Mapping[str, All], reference: All, seconds: Mapping[str, Mapping[Cell, float]]) -> list[str]:
    heads = [f"{heading} / HGB" for heading in METRICS.values()] + [f"{heading} / ours" for heading in METRICS.values()]
    lines = [row(["trial", "changes", "tables", "fits", *heads, "CPU / ours"]), row(["---"] * (5 + len(heads)))]
    ours = found[OURS]
    for name, own in found.items():
        shared = {cell: own[cell] for cell in own if cell in ours}
        tables = {cell[0] for cell in shared}
        cost = [seconds[name][cell] / seconds[OURS][cell] for cell in shared]
        lines.append(
            row(
                [
                    f"`{name}`",
                    TRIALS[name].says,
                    len(tables),
                    len(shared),
                    *beside(shared, reference),
                    *(tested(shared, ours) if name != OURS else [""] * len(METRICS)),
                    f"{np.median(cost):.2f}" if name != OURS else "",
                ]
            )
        )
    return [
        "Geometric means over tables of a metric on the test rows divided by HistGradientBoosting's and by that of the",
        "package's recipe on the same tables and splits, with t over tables. CPU: median over fits, without compiling.",
        "Trials have had different tables and splits: compare them by what stands relative to ours.",
        "",
        *lines,
    ]


def beside(own: All, other: All) -> list[str]:
    return [f"{np.exp(np.mean(list(figures.ratios(own, other, m).values()))):.3f}" if own else "" for m in METRICS]


def tested(own: All, other: All) -> list[str]:
    out = []
    for metric in METRICS:
        values = list(figures.ratios(own, other, metric).values())
        t = figures.t_value(values)
        said = "" if np.isnan(t) else f" (t {t:+.1f})"
        out.append(f"{np.exp(np.mean(values)):.3f}{said}" if values else "")
    return out


def offline(folder: Path, ours: All, reference: All) -> list[str]:
    """Return a line for each other choice, beside each member's own best epoch, log-odds averaged, temperature."""
    curves = {cell: store.read_curves(folder, OURS, cell) for cell in ours}
    choices = dict(CHOICES)
    for patience in PATIENCES:
        stops = [figures.patient(figures.losses(one), patience)[1] / len(one.oof) for one in curves.values()]
        name = f"patience {patience}: {np.mean(stops):.0%} of the epochs are run"
        choices[name] = figures.with_patience(patience)
    heads = [f"{heading} / ours" for heading in METRICS.values()]
    lines = [row(["choice", "tables", "fits", *heads]), row(["---"] * (3 + len(heads)))]
    results: dict[str, All] = {
        name: {cell: choose(one) for cell, one in curves.items()} for name, choose in choices.items()
    }
    for partners in PARTNERS:
        common = [c for c in curves if all(store.path_of(folder, p, c).exists() for p in partners)]
        name = f"{len(partners) + 1} times the members: with those of " + " and ".join(f"`{p}`" for p in partners)
        results[name] = {
            cell: figures.together([curves[cell], *(store.read_curves(folder, p, cell) for p in partners)])
            for cell in common
        }
    lines += [
        row([name, len({c[0] for c in own}), len(own), *tested(own, ours)]) for name, own in results.items() if own
    ]
    return [
        "All members are trained to the last epoch; ours takes each member's own best one on the rows it left out,",
        "averages log-odds and divides them by a temperature from those rows.",
        "",
        *lines,
    ]


def by_table(found: Mapping[str, All], reference: All) -> list[str]:
    ours = found[OURS]
    others = [name for name in found if name != OURS]
    beside_hgb = figures.ratios(ours, reference, "log_loss")
    columns = {name: figures.ratios(found[name], ours, "log_loss") for name in others}
    lines = [row(["table", "ours / HGB", *others]), row(["---"] * (2 + len(others)))]
    for table, value in beside_hgb.items():
        cells = [f"{np.exp(columns[name][table]):.3f}" if table in columns[name] else "" for name in others]
        lines.append(row([table, f"{np.exp(value):.3f}", *cells]))
    return lines


def row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
