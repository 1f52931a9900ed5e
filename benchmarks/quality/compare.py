"""From answers to figures over tables: geometric means, ranks, wins and tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata, wilcoxon

from . import adapters, cache, metrics

SECONDS = ("fit_cpu", "fit_wall")


@dataclass(frozen=True)
class Cells:
    """Every fit that counts, and what there is to say about models.

    Attributes
    ----------
    frame : DataFrame
        A line a fit: model, table, seed, n_labels (0: one yes/no question), plain, the metrics and seconds.
    says : dict
        Model -> its name in tables.
    base : dict
        Raw model -> the model that it is on plain tables.
    versions : dict
        Model -> {library: version}.
    failed : list of (model, table, seed, error)
    stored : list of str
        Models whose figures were taken from a file of earlier ones.
    """

    frame: pd.DataFrame
    says: dict[str, str]
    base: dict[str, str]
    versions: dict[str, dict[str, str]]
    failed: list[tuple[str, str, int, str]]
    stored: list[str] = field(default_factory=list)


def collect(
    folder: Path,
    models: Sequence[str] | None = None,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> Cells:
    """Read the cache, or what is named of it; of a model run with several settings, those of its last fit count.

    Metrics are computed from the stored predictions, so that a new one needs no new fit.
    """
    wanted = [
        (place, record)
        for place, record in cache.answers(folder)
        if all(
            wanted is None or found in wanted
            for found, wanted in [(place.model, models), (place.table, tables), (place.seed, seeds)]
        )
    ]
    newest: dict[str, tuple[str, str]] = {}
    for place, record in wanted:
        newest[place.model] = max(newest.get(place.model, ("", "")), (record["date"], settings_of(record)))
    lines, failed = {}, []
    says, base, versions = {}, {}, {}
    for place, record in sorted(wanted, key=lambda pair: pair[1]["date"]):
        if settings_of(record) != newest[place.model][1]:
            continue
        says[place.model] = record["says"]
        versions[place.model] = record["depends_on"]["versions"]
        if record["base"]:
            base[place.model] = record["base"]
        if "error" in record:
            failed.append((place.model, place.table, place.seed, record["error"]))
            continue
        # a table that has changed under its name: the later answer counts
        lines[place.model, place.table, place.seed] = {
            "model": place.model,
            "table": place.table,
            "seed": place.seed,
            "n_labels": record["n_labels"] or 0,
            "plain": record["plain"],
            **metrics.figures(*cache.probabilities(place)),
            **{name: record[name] for name in SECONDS},
        }
    columns = ["model", "table", "seed", "n_labels", "plain", *metrics.METRICS, *SECONDS]
    return Cells(pd.DataFrame(list(lines.values()), columns=columns), says, base, versions, failed)


def with_stored(cells: Cells, file: Path, models: Sequence[str] | None = None) -> Cells:
    """Return the cells with the fits that a CSV file holds of further models, on the tables and splits at hand.

    `models` leaves others than these out.

    The file has the columns of `Cells.frame`. Models that the cells have stay as they are. What is stored is taken at
    its word: nobody checks that its tables are those of today.
    """
    fits = cells.frame[["table", "seed"]].drop_duplicates()
    stored = pd.read_csv(file)[list(cells.frame.columns)]
    stored = stored[~stored["model"].isin(cells.frame["model"])].merge(fits, on=["table", "seed"])
    if models:
        stored = stored[stored["model"].isin(models)]
    added = {name: adapters.model_of(name) for name in stored["model"].unique()}
    return replace(
        cells,
        frame=pd.concat([cells.frame, stored], ignore_index=True),
        says=cells.says | {name: model.says for name, model in added.items()},
        base=cells.base | {name: model.base for name, model in added.items() if model.base},
        stored=sorted(added),
    )


def settings_of(record: dict[str, Any]) -> str:
    return cache.key_of({"depends_on": record["depends_on"], "rows": record["rows"]})


def completed(cells: Cells) -> pd.DataFrame:
    """Return all fits, those of raw models on plain tables taken over from their base."""
    frame, added = cells.frame, []
    for model, base in cells.base.items():
        taken = frame[(frame["model"] == base) & frame["plain"] & (frame["n_labels"] == 0)]
        added.append(taken.assign(model=model))
    return pd.concat([frame, *added], ignore_index=True) if added else frame


@dataclass(frozen=True)
class Comparison:
    """Figures of models on tables, all from the same splits.

    Attributes
    ----------
    models, tables : list of str
    seeds : list of int
        Splits that went into every figure.
    values : dict
        Metric or seconds -> array of shape (models, tables), means over the splits.
    """

    models: list[str]
    tables: list[str]
    seeds: list[int]
    values: dict[str, NDArray[np.float64]]

    def of(self, metric: str, model: str) -> NDArray[np.float64]:
        """Return a model's values, one a table."""
        return self.values[metric][self.models.index(model)]

    def ratio(self, metric: str, model: str, base: str) -> float:
        """Return the geometric mean over tables of the model's value divided by the base's."""
        return float(np.exp(np.mean(np.log(self.of(metric, model) / self.of(metric, base)))))

    def ranks(self, metric: str) -> NDArray[np.float64]:
        """Return each model's mean rank over tables; 1 is best (smallest), ties share the mean of their ranks."""
        return rankdata(self.values[metric], axis=0).mean(axis=1)

    def worse(self, metric: str, model: str, base: str, share: float = 0.1) -> list[str]:
        """Return the tables where the model is more than `share` worse than the base."""
        excess = self.of(metric, model) / self.of(metric, base) - 1
        return [table for table, more in zip(self.tables, excess, strict=True) if more > share]

    def wins(self, metric: str, model: str, other: str) -> float:
        """Return on how many tables the model is better; a tie is half of one."""
        difference = self.of(metric, other) - self.of(metric, model)
        return float(np.sum(difference > 0) + np.sum(difference == 0) / 2)

    def p_value(self, metric: str, model: str, other: str) -> float:
        """Return p of Wilcoxon's two-sided signed-rank test over tables, on the logarithm of the ratio.

        References
        ----------
        J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006.
        """
        difference = np.log(self.of(metric, model) / self.of(metric, other))
        if np.allclose(difference, 0):
            return 1.0
        return float(wilcoxon(difference).pvalue)

    def all_pairs(self, metric: str) -> dict[tuple[str, str], float]:
        """Return p of every two models, by Wilcoxon's test, corrected by Holm.

        References
        ----------
        A. Benavoli, G. Corani, F. Mangili, "Should We Really Use Post-Hoc Tests Based on Mean-Ranks?", JMLR 2016.
        """
        pairs = list(combinations(self.models, 2))
        corrected = holm([self.p_value(metric, *pair) for pair in pairs])
        return dict(zip(pairs, corrected, strict=True))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p corrected for as many tests, by Holm's step-down rule (Scand. J. Statist. 1979)."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    stepped = np.minimum(1, np.maximum.accumulate(np.asarray(p_values, float)[order] * factors))
    corrected = np.empty(len(p_values))
    corrected[order] = stepped
    return corrected.tolist()


def complete(frame: pd.DataFrame, tables: Sequence[str], seeds: Iterable[int]) -> list[str]:
    """Return the models that have all these tables and splits."""
    needed = {(table, seed) for table in tables for seed in seeds}
    return [
        model
        for model, of_model in frame.groupby("model", sort=False)
        if needed <= set(zip(of_model["table"], of_model["seed"], strict=True))
    ]


def compare(frame: pd.DataFrame, models: Sequence[str], tables: Sequence[str], seeds: Sequence[int]) -> Comparison:
    """Return the comparison of models that have all these tables and splits."""
    chosen = frame[frame["model"].isin(models) & frame["table"].isin(tables) & frame["seed"].isin(seeds)]
    means = chosen.groupby(["model", "table"])[[*metrics.METRICS, *SECONDS]].mean()
    grid = pd.MultiIndex.from_product([models, tables])
    values = {name: means[name].reindex(grid).to_numpy().reshape(len(models), len(tables)) for name in means.columns}
    return Comparison(list(models), list(tables), list(seeds), values)


def cliques(comparison: Comparison, metric: str, level: float = 0.05) -> list[tuple[int, int]]:
    """Return the longest runs of models, in the order of ranks, in which no two differ at the level.

    Each is (first, last) position in that order, and holds at least two models.
    """
    order = [comparison.models[i] for i in np.argsort(comparison.ranks(metric), kind="stable")]
    differ = {frozenset(pair) for pair, p in comparison.all_pairs(metric).items() if p < level}
    runs: list[tuple[int, int]] = []
    for first in range(len(order)):
        last = first
        while last + 1 < len(order) and not any(
            frozenset((order[last + 1], order[i])) in differ for i in range(first, last + 1)
        ):
            last += 1
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs
