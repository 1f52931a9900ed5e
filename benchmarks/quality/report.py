"""Tables in Markdown of what the cache holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from . import limits, plot
from .compare import Cells, Comparison, collect, compare, complete, completed, holm, with_stored
from .data import TEST_SHARE
from .metrics import BINS, CLIP, METRICS

TWO = ("log_loss", "auc_error")
"""What decides: ranks, wins and tests."""


def make(
    folder: Path,
    results: Path | None = None,
    models: Sequence[str] | None = None,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    base: str = "hgb",
    ours: str = "binnet",
    peers: Path | None = None,
) -> str:
    """Return the report; with a `results` folder, also write it there with a picture.

    Parameters
    ----------
    folder : Path
        Cache.
    results : Path or None, default=None
        Gets quality.md and quality.png.
    models, tables : sequence of str or None, default=None
        What takes part; None is everything that the cache has.
    seeds : sequence of int or None, default=None
        Splits that count; None is all that the base has of every table.
    base : str, default="hgb"
        Model that ratios refer to.
    ours : str, default="binnet"
        Model that is tested against the others.
    peers : Path or None, default=None
        CSV file with figures of models that the cache lacks, such as results/peers.csv.

    Raises
    ------
    ValueError
        If the cache has nothing of the base.
    """
    cells = collect(folder, models, tables, seeds)
    if peers is not None:
        cells = with_stored(cells, peers, models)
    binary = cells.frame[cells.frame["n_labels"] == 0]
    if base not in set(cells.frame["model"]):
        raise ValueError(f"There is no answer of {base!r} in {folder}; run it first, as ratios refer to it.")
    lines = ["# Quality, side by side", "", *protocol(cells), ""]
    main = None
    if base in set(binary["model"]):
        all_tables, common = extent(binary, base)
        encoded = same_columns(cells, ours)
        main = compare(encoded, complete(encoded, all_tables, common), all_tables, common)
        lines += ["## The same columns for all", "", *section(main, cells, base, ours)]
        if ours in main.models and ours != base:
            lines += ["Limits:", "", *limits.judge(main, base, ours), ""]
        lines += fewer(encoded, main, cells, base, ours)
        lines += own_way(cells, all_tables, common, base, ours)
        lines += by_table(main, cells)
    lines += several_labels(cells, ours)
    if cells.failed:
        lines += ["## Failed", "", *(f"- {m}, {t}, split {s}: {error}" for m, t, s, error in cells.failed), ""]
    text = "\n".join(lines)
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        (results / "quality.md").write_text(text)
        if main is not None and len(main.models) > 1:
            plot.draw(main, cells.says, results / "quality.png")
    return text


def same_columns(cells: Cells, ours: str) -> pd.DataFrame:
    """Return the fits on yes/no tables without the raw models; if ours is one, it takes the place of its base."""
    frame = completed(cells)
    left_out = (set(cells.base) - {ours}) | {cells.base.get(ours)}
    return frame[(frame["n_labels"] == 0) & ~frame["model"].isin(left_out)]


def extent(frame: pd.DataFrame, base: str) -> tuple[list[str], list[int]]:
    """Return the tables of the base model, and the splits that it has of all of them."""
    of_base = frame[frame["model"] == base]
    splits = of_base.groupby("table")["seed"].agg(set)
    return sorted(splits.index), sorted(set.intersection(*splits))


def protocol(cells: Cells) -> list[str]:
    libraries = sorted({f"{name} {number}" for found in cells.versions.values() for name, number in found.items()})
    return [
        f"- Test rows: {TEST_SHARE:.0%} of each split, stratified. Figures are means over splits, then over tables.",
        f"- log-loss with probabilities clipped at {CLIP:g}; ECE over {BINS} bins of equal mass.",
        "- CPU seconds: one warm fit on one core, median over tables.",
        f"- {', '.join(libraries)}",
        *([f"- Not run anew, figures of an earlier run: {', '.join(cells.stored)}"] if cells.stored else []),
    ]


def row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [row(heading), "|" + "---|" * len(heading), *map(row, rows), ""]


def section(found: Comparison, cells: Cells, base: str, ours: str) -> list[str]:
    """Return the table of a comparison, sorted by the mean rank in log-loss, and the sets that are lost."""
    tested = [model for model in found.models if model != ours]
    p_values = {}
    if ours in found.models and len(found.tables) > 1:
        for metric in TWO:
            corrected = holm([found.p_value(metric, ours, other) for other in tested])
            p_values |= {(metric, other): p for other, p in zip(tested, corrected, strict=True)}
    ranks = {metric: found.ranks(metric) for metric in TWO}
    order = sorted(found.models, key=lambda model: ranks["log_loss"][found.models.index(model)])
    heading = ["model", "log-loss", "1 - AUC", "Brier", "rank, log-loss", "rank, AUC", "ECE", "CPU s"]
    heading += [f"log-loss > 10 % above {base}"]
    if p_values:
        heading += ["ours better, log-loss", "ours better, AUC"]
    rows = []
    for model in order:
        i = found.models.index(model)
        line = [cells.says[model], *(f"{found.ratio(m, model, base):.3f}" for m in (*TWO, "brier"))]
        line += [f"{ranks[metric][i]:.2f}" for metric in TWO]
        line += [f"{found.of('ece', model).mean():.4f}", f"{np.median(found.of('fit_cpu', model)):.2f}"]
        line += [str(len(found.worse("log_loss", model, base)))]
        if p_values:
            for metric in TWO:
                p = p_values.get((metric, model))
                won = "" if p is None else f"{found.wins(metric, ours, model):g} of {len(found.tables)} ({p:.2g})"
                line.append(won)
        rows.append(line)
    lines = [f"{len(found.tables)} tables, splits {', '.join(map(str, found.seeds))}. Ratios to {base}.", ""]
    lines += table(heading, rows)
    if p_values:
        lines += ["In brackets: p of Wilcoxon's signed-rank test over tables, corrected by Holm.", ""]
    lines += [f"Log-loss more than 10 % above {base}:", ""]
    for model in order:
        if model != base:
            lines.append(f"- {cells.says[model]}: {', '.join(found.worse('log_loss', model, base)) or 'none'}")
    return [*lines, ""]


def fewer(frame: pd.DataFrame, main: Comparison, cells: Cells, base: str, ours: str) -> list[str]:
    """Return tables for the models that lack splits or tables, beside all that have what they have."""
    frame = frame[frame["table"].isin(main.tables) & frame["seed"].isin(main.seeds)]
    there = {model: set(zip(fits["table"], fits["seed"], strict=True)) for model, fits in frame.groupby("model")}
    extents = set()
    for fits in there.values():
        seeds = [seed for seed in main.seeds if all((name, seed) in fits for name in main.tables)]
        first = main.seeds[0]
        # if no split is whole, as many tables of the first one as there are
        tables = main.tables if seeds else [name for name in main.tables if (name, first) in fits]
        extents.add((tuple(tables), tuple(seeds or [first])))
    extents.discard((tuple(main.tables), tuple(main.seeds)))
    lines: list[str] = []
    for tables, seeds in sorted(extents, key=lambda extent: (-len(extent[0]), -len(extent[1]))):
        if len(tables) > 1:
            found = compare(frame, complete(frame, tables, seeds), tables, seeds)
            lines += section(found, cells, base, ours)
    return ["## With those that have fewer splits or tables", "", *lines] if lines else []


def own_way(cells: Cells, tables: Sequence[str], seeds: Sequence[int], base: str, ours: str) -> list[str]:
    """Return the table in which models that take raw tables do so."""
    frame = completed(cells)
    models = complete(frame, tables, seeds)
    raw = {cells.base[model]: model for model in models if model in cells.base}
    if not raw:
        return []
    # the base of all ratios stays beside its raw form
    found = compare(frame, [model for model in models if model not in raw or model == base], tables, seeds)
    ours = raw.get(ours, ours)
    title = "## The table as it is, for those that take it"
    return [title, "", *section(found, cells, base, ours)]


def by_table(found: Comparison, cells: Cells) -> list[str]:
    """Return the log-loss of every model and table."""
    rows = [
        [name, *(f"{found.of('log_loss', model)[i]:.4f}" for model in found.models)]
        for i, name in enumerate(found.tables)
    ]
    return ["## Log-loss, table by table", "", *table(["table", *(cells.says[m] for m in found.models)], rows)]


def several_labels(cells: Cells, ours: str) -> list[str]:
    """Return a table for each table with several labels: means over labels."""
    lines: list[str] = []
    frame = cells.frame[cells.frame["n_labels"] > 0]
    for name, of_table in frame.groupby("table"):
        seeds = sorted(of_table["seed"].unique())
        models = complete(of_table, [name], seeds)
        found = compare(of_table, models, [name], seeds)
        order = sorted(models, key=lambda model: found.of("log_loss", model)[0])
        rows = [
            [
                cells.says[model],
                *(f"{found.of(metric, model)[0]:.4f}" for metric in METRICS),
                f"{found.of('fit_cpu', model)[0]:.2f}",
            ]
            for model in order
        ]
        labels = int(of_table["n_labels"].iloc[0])
        lines += [f"## {name}: {labels} labels, splits {', '.join(map(str, seeds))}, means over labels", ""]
        lines += table(["model", *METRICS.values(), "CPU s"], rows)
        if ours in models:
            lines += ["Limits:", "", *limits.judge_labels(found, ours), ""]
    return lines
