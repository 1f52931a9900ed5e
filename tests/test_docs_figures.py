"""Measured figures are copied by hand into the documentation: each must be the one in its table in `benchmarks/`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "speed": "benchmarks/speed/results/speed.md",
    "quality": "benchmarks/quality/results/quality.md",
    "thresholds": "benchmarks/thresholds/README.md",
    "benchmarks": "benchmarks/README.md",
}
SPEED = [
    ("fit-2000x20", "warm fit"),
    ("fit-2000x20-regularised", "warm fit"),
    ("fit-246x33", "warm fit"),
    ("fit-1119x11", "warm fit"),
    ("fit-50000x50", "warm fit"),
    ("fit-50000x50-regularised", "warm fit"),
    ("fit-2000x20", "first fit"),
    ("grid-search", "search"),
    ("predict-1", "warm call"),
    ("predict-100000", "warm call"),
    ("new-process", "time"),
    ("new-process", "peak memory"),
]
"""Task and column of each row of the page's first table."""
LIBRARIES = ("sklearn_binnet", "scikeras", "skorch", "mlp")

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="runs from the source folder")


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def markdown_rows(text):
    """Return the rows of all tables of a text in Markdown, as lists of cells."""
    rows = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def list_tables(text):
    """Return the tables of a page of the documentation: lists of rows, without the heading."""
    tables = re.findall(r"^\.\. list-table::\n(?:   :.*\n)*\n((?:   .*\n)+)", text, flags=re.MULTILINE)
    rows = [re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:] for table in tables]
    return [[re.split(r"\n     -(?: |(?=\n))", row.rstrip("\n") + "\n") for row in table] for table in rows]


def seconds(text):
    """Return the number with which a text starts, times in seconds."""
    number = float(re.match(r"[+-]?[\d.]+", text.replace(",", ""))[0])
    return number / 1000 if re.match(r"[\d.]+ ms", text) else number


def same(figure, measured):
    """Whether a figure of a page is the measured one, rounded."""
    digits = re.match(r"[+-]?\d+(\.\d+)?", figure)
    unit = 10.0 ** -len((digits[1] or ".")[1:]) * (1e-3 if " ms" in figure else 1)
    return abs(seconds(figure) - seconds(measured)) <= 0.5001 * unit


def measured_speed(task, heading, library):
    """Return the cell of a task's table: our time, or the ratio of another library's to it."""
    section = read(SOURCES["speed"]).split(f"### {task}: ")[1].split("###")[0]
    head, *rows = markdown_rows(section)
    place = head.index(heading)
    (row,) = [row for row in rows if row[0] == library] or [[""] * len(head)]
    return row[place] if library == "sklearn_binnet" else row[place + 1]


def check(pairs):
    """Assert pairs of a page's figure and the measured one; nothing measured is nothing quoted."""
    pairs = list(pairs)
    assert pairs
    wrong = [(figure, measured) for figure, measured in pairs if not (measured and same(figure, measured))]
    assert not wrong


def comparisons(number):
    return list_tables(read("docs/comparisons.rst"))[number]


def test_a_wrong_figure_is_found():
    assert same("90", "90.4")
    assert same("0.070 s", "69.5 ms (69 ms to 90.4 ms)")
    assert same("3.4", "3.43")
    assert not same("3.5", "3.43")
    assert not same("91", "90.4")
    assert same("+0.0025", "+0.0025")


def test_speed():
    rows = comparisons(0)
    assert len(rows) == len(SPEED)
    pairs = []
    for (_, *figures), (task, heading) in zip(rows, SPEED, strict=True):
        for figure, library in zip(figures, LIBRARIES, strict=True):
            measured = measured_speed(task, heading, library)
            if re.match(r"\d", figure.strip()):
                pairs.append((figure.strip(), measured))
            else:  # nothing, or why there is nothing
                assert not measured, (task, library)
    check(pairs)
    page = read("docs/comparisons.rst")
    torch = re.search(r"loop took ([\d.]+) times as long for the 50,000 rows, ([\d.]+) times with", page)
    tasks = ("fit-50000x50", "fit-50000x50-regularised")
    check((torch[i], measured_speed(tasks[i - 1], "warm fit", "torch")) for i in (1, 2))
    grew = re.search(r"memory grew by ([\d.]+) MB", page)[1]
    share = re.search(r"at once take\s+([\d.]+) of the time", page)[1]
    check([(grew, measured_speed("memory", "growth after the first 50", "sklearn_binnet"))])
    check([(share, measured_speed("five-at-once", "share", "sklearn_binnet"))])


def test_speed_in_readme_and_guide():
    rows = {row[0]: row[1:] for row in markdown_rows(read("README.md"))}
    for start, task in (
        ("the same single network", SPEED[0]),
        ("search of 31 fits", SPEED[7]),
        ("first small fit", SPEED[6]),
    ):
        ((one, *ratios),) = [cells for name, cells in rows.items() if name.startswith(start)]
        assert one == "1"
        pairs = zip(ratios, LIBRARIES[1:], strict=True)
        check((figure, measured_speed(*task, library)) for figure, library in pairs if figure)
    guide = " ".join(read("docs/guide/choosing.rst").split())
    for sentence, task, library in (
        (r"2,000 x 20 took SciKeras (\S+) times", SPEED[0], "scikeras"),
        (r"grid search of 31 fits (\S+) times", SPEED[7], "scikeras"),
        (r"skorch took (\S+) times as long", SPEED[0], "skorch"),
        (r"(\S+) times with 50,000 rows", SPEED[4], "skorch"),
        (r"same single network: (\S+) times", SPEED[0], "mlp"),
        (r"(\S+) to 2.3 times for large", SPEED[3], "mlp"),
        (r"2.1 to (\S+) times for large", SPEED[4], "mlp"),
    ):
        check([(re.search(sentence, guide)[1], measured_speed(*task, library))])


def test_quality():
    names = {
        "CatBoost": "CatBoost",
        "this package": "**`BinaryNetClassifier`**",
        "HistGradientBoosting": "HistGradientBoosting",
        "LightGBM": "LightGBM",
        "random forest, 200 trees": "random forest (200)",
        "``MLPClassifier``, scaled columns": "`MLPClassifier`, scaled",
        "logistic regression, scaled columns": "logistic regression, scaled",
    }
    section = read(SOURCES["quality"]).split("## The same columns for all")[1].split("\n## ")[0]
    head, *rows = markdown_rows(section)
    measured = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    columns = ("log-loss", "1 - AUC", "Brier", "ECE")
    for name, *figures in comparisons(1):
        check((figure.strip(), measured[names[name]][column]) for figure, column in zip(figures, columns, strict=True))
    log_loss = {name: cells["log-loss"] for name, cells in measured.items()}
    ours, catboost, mlp = (log_loss[names[name]] for name in ("this package", "CatBoost", list(names)[5]))
    without = re.search(r"retrieval=False\)` of [\d-]+ \| ([\d.]+)", read(SOURCES["benchmarks"]))[1]
    table = read(SOURCES["benchmarks"]).split("The same columns for all, 19")[1].split("\n- **Met")[0]
    copied = {row[0].removesuffix("()`**").strip("*`"): row[1:4] for row in markdown_rows(table)}
    for name in ("BinaryNetClassifier", "CatBoost"):
        found = measured.get(name) or measured[f"**`{name}`**"]
        check(zip(copied[name], (found[column] for column in columns[:3]), strict=True))
    for page, sentences in {
        "README.md": {
            r"log-loss is ([\d.]+) times that of": ours,
            r"CatBoost's is ([\d.]+) times": catboost,
        },
        "docs/guide/choosing.rst": {
            r"has a log-loss of ([\d.]+) times that": ours,
            r"\*\*CatBoost\*\* with its defaults has ([\d.]+);": catboost,
            r"With ``retrieval=False`` the figure is ([\d.]+),": without,
            r"its log-loss is ([\d.]+) times": mlp,
            r"ours ([\d.]+) times": ours,
        },
    }.items():
        text = " ".join(read(page).split())
        check((re.search(sentence, text)[1], found) for sentence, found in sentences.items())


def test_out_of_fold_figures():
    measured = re.findall(r": ([+-]?[\d.]+) \(standard error ([\d.]+)\)", read(SOURCES["benchmarks"]))
    for (_, figure, error), (found, its_error) in zip(comparisons(2), measured, strict=True):
        check([(figure.strip(), found), (error.strip(), its_error)])


def test_thresholds():
    rows = markdown_rows(read(SOURCES["thresholds"]))
    tuners = ("fixed", "scikit_learn", "ours_argmax", "ours_stable", "ours_ensemble")
    first = {row[0]: row for row in reversed(rows)}  # the first table that has them
    for (_, figure, interval), tuner in zip(comparisons(3), tuners, strict=True):
        check([(figure.strip(), first[tuner][1])])
        assert interval.strip() in ("", first[tuner][2])
    own = {
        row[0]: row[1] for row in markdown_rows(read(SOURCES["thresholds"]).split("Our own networks on all 19")[1])[:6]
    }
    own_page = re.search(
        r"on one model loses ([\d.]+) \(.*?and the average ([\d.]+)", read("docs/comparisons.rst"), re.DOTALL
    )
    check(zip(own_page.groups(), (own["ours_stable"], own["ours_ensemble"]), strict=True))
    large = {row[0]: row[1] for row in rows if row[-1] == "3"}
    page = read("docs/comparisons.rst")
    check([(re.search(r"on one model lost more, ([\d.]+),", page)[1], large["ours_stable"])])
    check([(re.search(r"fold models less, ([\d.]+)\.", page)[1], large["ours_ensemble"])])


def test_constraints():
    rows = markdown_rows(read(SOURCES["thresholds"]))
    head = next(row for row in rows if row[0] == "constraint")
    for name, *figures in comparisons(4):
        constraint = name.split(",")[0]
        (row,) = [row for row in rows if row[0].startswith(constraint) and row[1] == "1000"]
        measured = [row[head.index(column)].split(",")[0] for column in ("ours", "ours_empirical", "mapie")]
        check((figure.strip(), found) for figure, found in zip(figures, measured, strict=True))
    (recall,) = [row for row in rows if row[0].startswith("recall >= 0.85") and row[1] == "1000"]
    mapie, ours = re.search(r"specificity is ([\d.]+), ours ([\d.]+)\.", read("docs/comparisons.rst")).groups()
    assert (mapie, ours) == tuple(recall[head.index(column)].split(", ")[1] for column in ("mapie", "ours"))


def test_several_labels_and_time():
    rows = markdown_rows(read(SOURCES["thresholds"]))
    for name, *figures in comparisons(5):
        model, average = name.replace(" regression", "").split(", ")
        (row,) = [row for row in rows if row[:2] == [model, average]]
        check((figure.strip(), row[i]) for figure, i in zip(figures, (2, 3, 5), strict=True))
    took = re.search(r"scikit-learn's tuner ([\d.]+) s, and ours ([\d.]+) s", read("docs/comparisons.rst"))
    million = {row[1]: row[2] for row in rows if row[0] == "1000000"}
    check([(took[1], million["scikit-learn"]), (took[2], million["ours, stable"])])


def test_the_course():
    rows = {row[0]: row for row in markdown_rows(read(SOURCES["benchmarks"]))}
    (_, loss, accuracy), (_, our_loss, our_accuracy) = comparisons(6)
    course = rows["course, 4-4-1, one run"]
    check([(loss.strip(), course[3]), (accuracy.strip(), course[4])])
    (ours,) = [row for name, row in rows.items() if name.startswith("the same as a plain net")]
    check([(our_loss.strip(), ours[1]), (our_accuracy.strip(), ours[2])])
