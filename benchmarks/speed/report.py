"""From raw figures to medians, ratios, limits and tables."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .tasks import BY_NAME, OURS, SCALING, TASKS, Limit, Task

# metric, heading, unit; a heading in a second table column follows for metrics compared with ours
COLUMNS: dict[str, list[tuple[str, str, str]]] = {
    "fit": [("first", "first fit", "s"), ("warm", "warm fit", "s"), ("auc", "test AUC", "")],
    "grid": [("first", "search", "s"), ("auc", "test AUC", "")],
    "predict": [("first", "first call", "s"), ("warm", "warm call", "s")],
    "unpickle": [("wall", "time", "s"), ("memory_mb", "peak memory", "MB")],
    "memory": [
        ("growth_mb", "growth after the first 50", "MB"),
        ("mb_a_fit", "a fit", "MB"),
        ("end_mb", "at the end", "MB"),
        ("seconds", "all fits", "s"),
    ],
    "members": [("warm", "at once", "s"), ("in_turn", "in turn", "s"), ("share", "share", "")],
}
RAW = Path("cache", "speed.json")
"""Where the raw figures lie, beside the report; they are not part of the repository."""
COMPARED = {"first", "warm", "wall", "memory_mb"}
"""Metrics whose ratio to ours stands beside them."""
LIBRARIES = (
    "sklearn_binnet",
    "tensorflow",
    "keras",
    "scikit-learn",
    "numpy",
    "scikeras",
    "skorch",
    "torch",
)

Summary = dict[str, dict[str, float]]
"""Metric -> median, low and high over all processes and repeats."""


def summarise(answers: Sequence[Mapping[str, Any]]) -> Summary:
    """Pool the answers of one library's processes."""
    pooled: dict[str, list[float]] = {}
    for answer in answers:
        for metric, value in answer.items():
            if metric not in ("series", "log", "lacks", "failed"):
                pooled.setdefault(metric, []).extend(np.ravel(value).tolist())
    return {
        metric: {
            "median": float(np.median(values)),
            "low": float(min(values)),
            "high": float(max(values)),
        }
        for metric, values in pooled.items()
        if values
    }


def judge(limit: Limit, name: str, medians: Mapping[str, Mapping[str, Summary]]) -> str:
    """Return "met", "MISSED" or why it cannot be told, with the figure."""

    def figure(task: str, peer: str) -> float | None:
        return medians.get(task, {}).get(peer, {}).get(limit.metric, {}).get("median")

    ours = figure(name, OURS)
    if ours is None:
        return "not measured"
    if limit.task:
        others = [figure(limit.task, OURS)]
    elif limit.peer == "every peer":
        peers = medians[name].keys() - {OURS, "roofline"}
        others = [f for peer in sorted(peers) if (f := figure(name, peer)) is not None] or [None]
    elif limit.peer:
        others = [figure(name, limit.peer)]
    else:
        others = [1.0]
    if None in others:
        return "not measured"
    quotient = ours / min(other for other in others if other is not None)
    met = "met" if quotient <= limit.at_most else "MISSED"
    if limit.at_most <= 1 and limit.peer and limit.metric in ("first", "warm"):
        return f"{met} ({1 / quotient:.3g} times faster)"
    return f"{met} ({quotient:.3g})"


def number(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        return f"{value * 1000:.3g} ms"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def table(task: Task, answers: Mapping[str, Sequence[Mapping]]) -> list[str]:
    """Return the task's table, a library a line, ratios to ours beside the times."""
    medians = {peer: summarise(of_peer) for peer, of_peer in answers.items()}
    ours = medians.get(OURS, {})
    columns = COLUMNS[task.kind]
    heading = ["library"]
    for metric, title, _ in columns:
        heading += [title, "x ours"] if metric in COMPARED and task.kind != "members" else [title]
    rows = [heading]
    for peer, summary in medians.items():
        if not summary:
            reason = answers[peer][0]
            rows.append([peer, reason.get("lacks") or f"failed: {reason.get('failed')}"])
            continue
        row = [peer]
        for metric, _, unit in columns:
            value = summary.get(metric)
            spread = value and len({value["low"], value["high"]}) > 1 and metric == "warm"
            text = number(value["median"], unit) if value else ""
            if spread:
                text += f" ({number(value['low'], unit)} to {number(value['high'], unit)})"
            row.append(text)
            if metric in COMPARED and task.kind != "members":
                known = value and metric in ours
                row.append(f"{value['median'] / ours[metric]['median']:.3g}" if known else "")
        rows.append(row)
    width = len(heading)
    rows = [row + [""] * (width - len(row)) for row in rows]
    # reasons may be longer than any figure; they do not widen the columns
    full = [row for row in rows if any(row[2:])]
    sizes = [max(len(row[i]) for row in full) for i in range(width)]
    sizes[0] = max(len(row[0]) for row in rows)
    lines = ["| " + " | ".join(c.ljust(s) for c, s in zip(r, sizes, strict=True)) + " |" for r in rows]
    return [lines[0], "|" + "|".join("-" * (size + 2) for size in sizes) + "|", *lines[1:]]


def section(name: str, record: Mapping[str, Any], medians: Mapping) -> list[str]:
    """Return a task's part of the report."""
    task = BY_NAME[name]
    options = record["options"]
    how = f"{options['processes']} processes x {options['repeats']} warm calls, {options['dtype']}"
    lines = [f"### {name}: {task.says}", "", f"{record['date']}; {how}", ""]
    lines += [*table(task, record["answers"]), ""]
    lines += [f"- {limit.says}: {judge(limit, name, medians)}" for limit in task.limits]
    return [*lines, ""] if task.limits else lines


def summaries(records: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Summary]]:
    """Return the medians of every task and library."""
    return {
        name: {peer: summarise(answers) for peer, answers in record["answers"].items()}
        for name, record in records.items()
        if name in BY_NAME
    }


def markdown(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the whole report."""
    medians = summaries(records)
    lines = ["# Speed, side by side", ""]
    for machine in dict.fromkeys(json.dumps(record["machine"]) for record in records.values()):
        lines += [f"- {key}: {value}" for key, value in json.loads(machine).items()] + [""]
    lines += [
        "`x ours`: the library's figure divided by ours; above 1 ours is faster or smaller.",
        "",
    ]
    for task in TASKS:
        if task.name in records:
            lines += section(task.name, records[task.name], medians)
    if SCALING in records:
        lines += ["### scaling: how fit time grows", "", "![scaling](scaling.png)", ""]
    return "\n".join(lines)


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            found.append(f"{library} absent")
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), cpu)
    count = getattr(os, "process_cpu_count", os.cpu_count)()
    return {
        "machine": f"{cpu}, {count} cores, {platform.system()}",
        "Python": platform.python_version(),
        "libraries": ", ".join(found),
    }


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def read(folder: Path) -> dict[str, Any]:
    """Return the raw figures of earlier runs, a record for each task."""
    raw = folder / RAW
    return json.loads(raw.read_text()) if raw.exists() else {}


def write(records: Mapping[str, Any], folder: Path) -> None:
    """Write the report as Markdown, and the raw figures as JSON into the cache beside it."""
    raw = folder / RAW
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.write_text(json.dumps(records, indent=1) + "\n")
    (folder / "speed.md").write_text(markdown(records))
