"""Columns of numbers, strings and categories to one matrix of numbers: learnt in `fit`, the same in `predict`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

MAX_LEVELS = 254
"""Most levels that a category keeps. These are the most frequent ones; rarer levels count as unknown."""
UNKNOWN = -1.0
"""Stands for a level that `fit` has not seen, or that was too rare there."""
_DATE_DTYPES = frozenset(("DatetimeTZDtype", "PeriodDtype", "Datetime", "Date", "Duration", "Time"))
_MISSING_TYPES = frozenset(("NAType", "NaTType"))
_CATEGORICAL_DTYPES = frozenset(("CategoricalDtype", "StringDtype", "Categorical", "Enum", "String", "Utf8"))


@dataclass(frozen=True)
class Table:
    """How the columns of a table become numbers, learnt in `fit`.

    A number stays as it is, and is NaN where it is missing. A level of a category becomes its place in `levels`. A
    missing value of a category is a level of its own if `fit` has seen one.
    """

    names: tuple[Any, ...] | None
    """Of the columns, None for arrays."""
    levels: tuple[tuple[Any, ...] | None, ...]
    """Of every column, None for numbers. A missing value is None among them."""

    @classmethod
    def learn(cls, X: Any, categorical_features: Any) -> Table:
        """Find the category columns of X and their levels."""
        names = column_names(X)
        chosen = _chosen_columns(X, categorical_features)
        levels = tuple(_levels(_column(X, i)) if chosen[i] else None for i in range(_n_columns(X)))
        return cls(names, levels)

    @property
    def n_levels(self) -> tuple[int, ...]:
        """Levels of every column, 0 for numbers."""
        return tuple(0 if levels is None else len(levels) for levels in self.levels)

    def read(self, X: Any) -> NDArray[np.float64]:
        """Return X as a matrix (n, d)."""
        out = np.empty((_n_rows(X), len(self.levels)))
        for i, levels in enumerate(self.levels):
            column = _column(X, i)
            out[:, i] = _numbers(column, self._called(i)) if levels is None else _codes(column, levels, self._called(i))
        return out

    def _called(self, i: int) -> str:
        return f"column {i}" if self.names is None else f"column {self.names[i]!r}"


def holds_categories(X: Any, categorical_features: Any) -> bool:
    """Return whether X has category columns, by their types or by the parameter, and must be read column by column."""
    if categorical_features is None:
        return False
    if isinstance(categorical_features, str):  # "from_dtype"
        return hasattr(X, "columns") and any(_categorical_by_type(X))
    if sparse.issparse(X) or not (hasattr(X, "columns") or np.ndim(X) == 2):
        return False  # scikit-learn says what is wrong
    return bool(np.size(categorical_features)) and bool(_chosen_columns(X, categorical_features).any())


def refuse_dates(X: Any) -> None:
    """Refuse a DataFrame with columns of dates or durations, which would be read as numbers of nanoseconds."""
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        kind = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
        if getattr(dtype, "kind", "") in ("m", "M") or kind in _DATE_DTYPES:
            raise _dates(f"column {name!r}")


def without_mask(X: Any) -> Any:
    """Return a masked array as numbers with NaN where it is masked; anything else as it is."""
    if not (isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X)):
        return X
    if np.issubdtype(X.dtype, np.number):
        return np.ma.asarray(X, dtype=np.result_type(X.dtype, np.float32)).filled(np.nan)
    return np.ma.asarray(X, dtype=object).filled(None)


def refuse_new_categories(X: Any) -> None:
    """Refuse a DataFrame in which a column of numbers has become one of categories since `fit`."""
    changed = [X.columns[i] for i, now in enumerate(_categorical_by_type(X)) if now] if hasattr(X, "columns") else []
    if changed:
        raise ValueError(
            f"column {changed[0]!r} of X held numbers in fit and now holds categories or strings. Give it the type it "
            "had."
        )


def _dates(called: str) -> ValueError:
    return ValueError(
        f"{called} of X holds dates or durations. Turn it into numbers first, as in (date - start).dt.days."
    )


def column_names(X: Any) -> tuple[Any, ...] | None:
    """Return the column names of a DataFrame, None of anything else."""
    return tuple(X.columns) if hasattr(X, "columns") else None


def number_error(X: Any, error: Exception) -> ValueError | None:
    """Return a clear error if X holds strings that are no numbers; None if `error` is about something else."""
    if "could not convert" not in str(error):
        return None
    what = (
        "Category columns of a DataFrame need categorical_features='from_dtype' (the default) or their names"
        if hasattr(X, "columns")
        else "If a column holds categories, pass a DataFrame, or name the columns, as in categorical_features=[0, 3]"
    )
    return ValueError(
        f"X must hold numbers, or columns that are known as categories, but: {error}. {what}. A column that held "
        "numbers in fit must hold numbers now."
    )


# ------------------------------------------------------------------ which columns
def _chosen_columns(X: Any, categorical_features: Any) -> NDArray[np.bool_]:
    """Return a mask of the category columns."""
    if isinstance(categorical_features, str):  # "from_dtype"
        return np.array(_categorical_by_type(X), dtype=bool)
    wanted = list(np.ravel(np.asarray(categorical_features, dtype=object)))
    n, names = _n_columns(X), column_names(X)
    chosen = np.zeros(n, bool)
    if wanted and all(isinstance(w, bool | np.bool_) for w in wanted):
        if len(wanted) != n:
            raise ValueError(f"categorical_features as a mask must have one entry a column, {n}, got {len(wanted)}.")
        return np.array(wanted, dtype=bool)
    for w in wanted:
        if isinstance(w, str):
            if names is None or w not in names:
                known = "X has no column names" if names is None else f"the columns are {list(names)}"
                raise ValueError(f"categorical_features must name columns of X, got {w!r}; {known}.")
            chosen[names.index(w)] = True
        elif isinstance(w, int | np.integer) and -n <= w < n:
            chosen[w] = True
        else:
            raise ValueError(
                "categorical_features must be 'from_dtype', None, a mask, or names or positions of columns (0 to "
                f"{n - 1}), got {w!r}."
            )
    return chosen


def _categorical_by_type(X: Any) -> list[bool]:
    """Return for each column whether its type means categories: strings, categories, or objects with strings."""
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return [False] * _n_columns(X)
    return [_is_categorical(dtype, X, i) for i, dtype in enumerate(X.dtypes)]


def _is_categorical(dtype: Any, X: Any, i: int) -> bool:
    if (dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__) in _CATEGORICAL_DTYPES:
        return True
    if type(dtype).__name__ == "ArrowDtype":
        return dtype.type is str or str(dtype).startswith("dictionary")
    objects = isinstance(dtype, np.dtype) and dtype.kind == "O"
    return objects and any(isinstance(value, str) for value in _column(X, i))


# ------------------------------------------------------------------ one column
def _n_columns(X: Any) -> int:
    return len(X.columns) if hasattr(X, "columns") else np.shape(X)[1] if np.ndim(X) == 2 else 0


def _n_rows(X: Any) -> int:
    return len(X)


def _column(X: Any, i: int) -> NDArray[Any]:
    """Return column i as an array, without a copy where that is possible."""
    if hasattr(X, "iloc"):
        return np.asarray(X.iloc[:, i])
    if hasattr(X, "columns"):
        return np.asarray(X[X.columns[i]])
    return np.asarray(X)[:, i] if isinstance(X, np.ndarray) else np.asarray([row[i] for row in X], dtype=object)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in _MISSING_TYPES or (isinstance(value, float) and value != value)


def _plain(column: NDArray[Any]) -> list[Any]:
    """Return the values as Python objects, None for missing ones."""
    return [None if _is_missing(value) else value for value in column.tolist()]


def _levels(column: NDArray[Any]) -> tuple[Any, ...]:
    """Return the levels of a category column, sorted; of very many, the most frequent."""
    counts = Counter(_plain(column))
    return tuple(sorted((level for level, _ in counts.most_common(MAX_LEVELS)), key=_order))


def _order(level: Any) -> tuple[int, str, Any]:
    """Sort numbers before strings, missing last."""
    if level is None:
        return 2, "", 0
    return (0, "", level) if isinstance(level, int | float) else (1, str(level), 0)


def _codes(column: NDArray[Any], levels: Sequence[Any], called: str) -> NDArray[np.float64]:
    """Return the place of every value in `levels`, `UNKNOWN` where it has none."""
    values = _plain(column)
    before, now = _kinds(levels), _kinds(values)
    if before and now and not before & now:
        raise ValueError(
            f"{called} of X held {before.pop()} in fit and now holds {now.pop()}. Give it the type it had."
        )
    place = {level: float(i) for i, level in enumerate(levels)}
    return np.array([place.get(value, UNKNOWN) for value in values], dtype=np.float64)


def _kinds(values: Sequence[Any]) -> set[str]:
    return {"strings" if isinstance(value, str) else "numbers" for value in values if value is not None}


def _numbers(column: NDArray[Any], called: str) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where missing."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind in "mM":
        raise _dates(called)
    values = _plain(column)
    text = next((value for value in values if isinstance(value, str)), None)
    if text is not None:
        raise ValueError(
            f"{called} of X must hold numbers, got {text!r}. If it holds categories, give it a string or category type "
            "before fit, or name it in categorical_features; a column that held numbers in fit must hold numbers now."
        )
    try:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        odd = next((value for value in values if not (value is None or isinstance(value, int | float))), None)
        raise ValueError(
            f"{called} of X must hold numbers, got {odd!r} of type {type(odd).__name__}. Turn the column into numbers, "
            "or leave it out."
        ) from error
