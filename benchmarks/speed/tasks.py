"""The tasks: what is fitted, what is timed, and the limits we hold ourselves to."""

from __future__ import annotations

from dataclasses import dataclass, replace

OURS = "sklearn_binnet"
IMPORT_ONLY = "scikit-learn import"
"""In the place of a library: a new process that only imports scikit-learn, the task's floor."""
SCALING = "scaling"
"""Name of the task in `scaling.py`, which has no limits."""


@dataclass(frozen=True)
class Shape:
    """One training, told in terms that every library knows."""

    rows: int
    columns: int
    hidden: tuple[int, ...]
    batch: int
    epochs: int
    dropout: float = 0.0
    batch_normalization: bool = False
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class Limit:
    """`metric` of ours may be at most `at_most`, alone or as a multiple of another's.

    `peer` is a library, "every peer", or None for an absolute limit; `task` is another task of
    ours to compare with.
    """

    metric: str
    at_most: float
    says: str
    peer: str | None = None
    task: str | None = None


@dataclass(frozen=True)
class Task:
    name: str
    kind: str
    """Which function of `measures.py` times it."""
    shape: Shape
    says: str
    limits: tuple[Limit, ...] = ()
    predict_rows: int = 0
    fits: int = 0
    members: int = 0


def faster(peer: str, times: float, metric: str = "warm") -> Limit:
    if times == 1:
        return Limit(metric, 1, f"{metric}: not slower than {peer}", peer)
    return Limit(metric, 1 / times, f"{metric}: at least {times:g} times faster than {peer}", peer)


FIRST = faster("scikeras", 1, "first")
SMALL = Shape(2_000, 20, (64, 32), 32, 20)
TINY = Shape(246, 33, (4, 4), 246, 200)
WIDE = Shape(1_119, 11, (512, 512, 512), 256, 20)
LARGE = Shape(50_000, 50, (256, 128), 1024, 5)
REGULARISED = {"dropout": 0.3, "batch_normalization": True}
ROOFLINE = Limit("warm", 2.5, "warm: at most 2.5 times the roofline", "roofline")

ARCHITECTURES = ((64, 32), (32, 16))
LEARNING_RATES = (1e-3, 3e-3, 1e-2)

TASKS = (
    Task(
        "fit-2000x20",
        "fit",
        SMALL,
        "fit 2,000 x 20, layers 64-32, batch 32, 20 epochs",
        (faster("scikeras", 40), faster("mlp", 5), faster("skorch", 10), FIRST),
    ),
    Task(
        "fit-2000x20-regularised",
        "fit",
        replace(SMALL, **REGULARISED),
        "the same with dropout 0.3 and batch normalisation",
        (
            faster("scikeras", 30),
            Limit("warm", 2.5, "warm: at most 2.5 times its own without", task="fit-2000x20"),
            FIRST,
        ),
    ),
    Task(
        "fit-246x33",
        "fit",
        TINY,
        "fit 246 x 33, layers 4-4, full batch, 200 epochs",
        (faster("scikeras", 50), faster("mlp", 1), FIRST),
    ),
    Task(
        "fit-1119x11",
        "fit",
        WIDE,
        "fit 1,119 x 11, layers 512-512-512, batch 256, 20 epochs",
        (faster("scikeras", 5), faster("mlp", 2), ROOFLINE, FIRST),
    ),
    Task(
        "fit-50000x50",
        "fit",
        LARGE,
        "fit 50,000 x 50, layers 256-128, batch 1,024, 5 epochs",
        (faster("every peer", 1), ROOFLINE, FIRST),
    ),
    Task(
        "fit-50000x50-regularised",
        "fit",
        replace(LARGE, **REGULARISED),
        "the same with dropout 0.3 and batch normalisation",
        (faster("every peer", 1), FIRST),
    ),
    Task(
        "grid-search",
        "grid",
        SMALL,
        "GridSearchCV, 2 architectures x 3 learning rates x 5 folds and the refit, 2,000 x 20, "
        "20 epochs, compiling included",
        (faster("scikeras", 25, "first"), faster("mlp", 2, "first")),
    ),
    Task(
        "five-at-once",
        "members",
        SMALL,
        "five networks at once against the same five one after another, 2,000 x 20",
        (Limit("share", 0.7, "at once: at most 0.7 of the time in turn"),),
        members=5,
    ),
    Task(
        "predict-1",
        "predict",
        SMALL,
        "predict_proba of one row",
        (faster("scikeras", 200), faster("mlp", 1)),
        predict_rows=1,
    ),
    Task(
        "predict-100000",
        "predict",
        SMALL,
        "predict_proba of 100,000 rows",
        (faster("scikeras", 5), faster("mlp", 1)),
        predict_rows=100_000,
    ),
    Task(
        "new-process",
        "unpickle",
        replace(SMALL, epochs=1),
        "start Python, unpickle, predict 100 rows",
        (
            Limit("wall", 0.45, "at most 0.45 of the time of scikeras", "scikeras"),
            Limit("memory_mb", 0.3, "at most 0.3 of the memory of scikeras", "scikeras"),
        ),
        predict_rows=100,
    ),
    Task(
        "memory",
        "memory",
        Shape(1_000, 20, (), 128, 2),
        "500 fits over 20 architectures in one process, 1,000 x 20",
        (Limit("growth_mb", 100, "at most 100 MB more after the first 50 fits"),),
        fits=500,
    ),
)
BY_NAME = {task.name: task for task in TASKS}


def quick(task: Task) -> Task:
    """Return the task in small: does every part run? Its figures mean nothing."""
    shape = replace(
        task.shape,
        rows=min(task.shape.rows, 300),
        hidden=tuple(min(units, 16) for units in task.shape.hidden),
        batch=min(task.shape.batch, 64),
        epochs=2,
    )
    return replace(task, shape=shape, fits=min(task.fits, 60), predict_rows=min(task.predict_rows, 1_000))
