"""Columns of numbers, strings and categories to one matrix of numbers: learnt in `fit`, the same in `predict`.

Tables (of pandas, polars, pyarrow, modin, cuDF) are read through narwhals, column by column; arrays and lists have
columns by position.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklearn_binnet._files._plain import stored

MAX_LEVELS = 254
"""Most levels that a category keeps. These are the most frequent ones; rarer levels count as unknown."""
UNKNOWN = -1.0
"""Stands for a level that `fit` has not seen, or that was too rare there."""
MAX_DENSE_VALUES = 1 << 27
"""Most values of a sparse matrix that `fit` makes dense: they take 1 GiB as float64."""

Kind = Literal["number", "category", "date"]
_KINDS_OF_ARRAYS: dict[str, Kind] = {"U": "category", "m": "date", "M": "date"}
"""By NumPy's letter for a dtype; all others are numbers."""
_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_MISSING_TYPES = frozenset(("NAType", "NaTType"))


@stored
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
    def learn(cls, X: Any, categorical_features: Any, used: Any = slice(None)) -> Table:
        """Find the category columns of X and their levels; `used` says which rows count."""
        names, columns = _columns(X)
        chosen = _chosen_columns(names, columns, categorical_features)
        found = zip(columns, chosen, _names_in_messages(names), strict=False)
        return cls(names, tuple(_levels(column, called, used) if yes else None for column, yes, called in found))

    @property
    def n_levels(self) -> tuple[int, ...]:
        """Levels of every column, 0 for numbers."""
        return tuple(0 if levels is None else len(levels) for levels in self.levels)

    def read(self, X: Any) -> NDArray[np.float64]:
        """Return X as a matrix (n, d)."""
        _, columns = _columns(X)
        out = np.empty((len(X), len(self.levels)))
        for i, (column, levels, called) in enumerate(
            zip(columns, self.levels, _names_in_messages(self.names), strict=False)
        ):
            out[:, i] = _numbers(column, called) if levels is None else _codes(column, levels, called)
        return out


def is_table(X: Any) -> bool:
    """Return whether X is a table with named columns; False for arrays, lists and sparse matrices.

    Raises
    ------
    TypeError
        If X is a table without rows at hand, or something of which a table must be made first.
    """
    return _frame(X) is not None


def numbers_of(X: Any) -> NDArray[Any]:
    """Return a table that holds numbers only as a matrix (n, d) of float32, if all columns are, or float64."""
    names, columns = _columns(X)
    single = all(isinstance(column.dtype, nw.Float32) for column in columns)
    out = np.empty((len(X), len(columns)), np.float32 if single else np.float64, order="F")
    for i, (column, called) in enumerate(zip(columns, _names_in_messages(names), strict=False)):
        out[:, i] = _numbers(column, called)
    return out


def holds_categories(X: Any, categorical_features: Any) -> bool:
    """Return whether X has category columns, by their types or by the parameter, and must be read column by column."""
    if categorical_features is None:
        return False
    by_type = isinstance(categorical_features, str)  # "from_dtype"
    if sparse.issparse(X):
        if by_type or not np.size(categorical_features):
            return False
        raise ValueError(
            "categorical_features must be 'from_dtype' or None for a sparse X, whose columns hold numbers, got "
            f"{categorical_features!r}. Pass X.toarray(), or encode the categories before."
        )
    if not is_table(X) and (by_type or not np.size(categorical_features) or np.ndim(X) != 2):
        return False  # if it is no matrix either, scikit-learn says what is wrong
    return bool(_chosen_columns(*_columns(X), categorical_features).any())


def dense(X: Any, limit: bool) -> NDArray[Any]:
    """Return a sparse matrix as a dense one; with `limit`, only up to `MAX_DENSE_VALUES` values."""
    n, d = X.shape
    if limit and n * d > MAX_DENSE_VALUES:
        raise ValueError(
            f"X is a sparse matrix of {n} rows and {d} columns. A network needs dense rows, and these would be {n * d} "
            f"numbers, more than the {MAX_DENSE_VALUES} that are made dense by themselves. Bring the columns to fewer "
            "before, as in make_pipeline(TruncatedSVD(100), BinaryNetClassifier()), or pass X.toarray() if there is "
            "memory for it."
        )
    matrix: NDArray[Any] = X.toarray()
    return matrix


def refuse_dates(X: Any) -> None:
    """Refuse an array of dates or durations, which would be read as numbers of their unit."""
    if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
        raise _dates("X" if np.ndim(X) < 2 else "column 0 of X")


def without_mask(X: Any) -> Any:
    """Return a masked array as numbers with NaN where it is masked; anything else as it is."""
    if not (isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X)):
        return X
    if np.issubdtype(X.dtype, np.number):
        return np.ma.asarray(X, dtype=np.result_type(X.dtype, np.float32)).filled(np.nan)
    return np.ma.asarray(X, dtype=object).filled(None)


def refuse_new_categories(X: Any) -> None:
    """Refuse a table in which a column of numbers has become one of categories since `fit`."""
    names, columns = _columns(X)
    for column, called in zip(columns, _names_in_messages(names), strict=False):
        if _kind(column) == "category":
            raise ValueError(
                f"{called} of X held numbers in fit and now holds categories or strings. Give it the type it had."
            )


def number_error(X: Any, error: Exception) -> ValueError | None:
    """Return a clear error if an array holds strings or dates; None if `error` is about something else."""
    if isinstance(error, TypeError):
        matrix = np.asarray(X, dtype=object)
        if matrix.ndim == 2:
            for i, column in enumerate(matrix.T):
                if _kind(column) == "date":
                    return _dates(f"column {i} of X")
        return None
    if "could not convert" not in str(error):
        return None
    return ValueError(
        f"X must hold numbers, or columns that are known as categories, but: {error}. If a column holds categories, "
        "pass a DataFrame, or name the columns, as in categorical_features=[0, 3]. A column that held numbers in fit "
        "must hold numbers now."
    )


def _dates(what: str) -> ValueError:
    return ValueError(f"{what} holds dates or durations. Turn it into numbers first, as in (date - start).dt.days.")


# ------------------------------------------------------------------ what X is
def _frame(X: Any) -> Any:
    """Return a table as narwhals sees it, None if X is none."""
    if isinstance(X, np.ndarray):
        if X.dtype.names:
            raise _make_a_table(f"a structured array with the fields {list(X.dtype.names)}")
        return None
    if sparse.issparse(X):  # scipy's dok_matrix is a dict too
        return None
    if isinstance(X, Mapping):
        raise _make_a_table(f"a {type(X).__name__}")
    if isinstance(X, list | tuple):
        if len(X) and isinstance(X[0], Mapping):
            raise _make_a_table(f"a list of {type(X[0]).__name__}")
        return None
    if hasattr(X, "iloc") and hasattr(X, "columns") and not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()][0]
        raise ValueError(f"X has more than one column named {twice!r}. Give every column a name of its own.")
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        kind = frame.implementation
        compute = "X.compute()" if kind.is_dask() else "X.df()" if kind.is_duckdb() else "X.collect()"
        raise TypeError(
            f"X must be in memory, got a {type(X).__module__.split('.')[0]} {type(X).__name__}, whose rows have not "
            f"been computed. Pass {compute}."
        )
    return frame if isinstance(frame, nw.DataFrame) else None


def _make_a_table(what: str) -> TypeError:
    return TypeError(f"X must be a matrix or a table, got {what}. Make a table of it first, as in pandas.DataFrame(X).")


def _columns(X: Any) -> tuple[tuple[Any, ...] | None, list[Any]]:
    """Return the names of the columns, None for arrays, and the columns: series of narwhals, or arrays."""
    if sparse.issparse(X):
        raise ValueError("X held categories in fit and now is a sparse matrix of numbers. Pass the table as it was.")
    frame = _frame(X)
    if frame is None:
        matrix = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        return None, list(matrix.T)
    return tuple(frame.columns), list(frame.iter_columns())


def _names_in_messages(names: tuple[Any, ...] | None) -> Iterator[str]:
    """Yield what messages call the columns."""
    if names is None:
        i = 0
        while True:
            yield f"column {i}"
            i += 1
    yield from (f"column {name!r}" for name in names)


# ------------------------------------------------------------------ which columns
def _chosen_columns(
    names: tuple[Any, ...] | None, columns: Sequence[Any], categorical_features: Any
) -> NDArray[np.bool_]:
    """Return a mask of the category columns."""
    if isinstance(categorical_features, str):  # "from_dtype"
        return np.array([names is not None and _kind(column) == "category" for column in columns], dtype=bool)
    wanted = list(np.ravel(np.asarray(categorical_features, dtype=object)))
    n = len(columns)
    chosen = np.zeros(n, bool)
    if wanted and all(isinstance(w, bool | np.bool_) for w in wanted):
        if len(wanted) != n:
            raise ValueError(
                f"categorical_features as a mask must have one entry for each column, {n}, got {len(wanted)}."
            )
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


def _kind(column: Any) -> Kind | None:
    """Return what a column holds, by its type or, if that is open, by its values; None for anything else."""
    if isinstance(column, nw.Series) and not _holds_objects(column):
        dtype = column.dtype
        if dtype.is_numeric() or isinstance(dtype, nw.Boolean):
            return "number"
        if isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
            return "category"
        if dtype.is_temporal():
            return "date"
        if dtype.is_nested() or isinstance(dtype, nw.Binary):
            return None
    values = _array(column)
    if values.dtype.kind != "O":
        return _KINDS_OF_ARRAYS.get(values.dtype.kind, "number")
    types = {t for t in set(map(type, values)) if t.__name__ not in _MISSING_TYPES}
    if any(issubclass(t, str) for t in types):
        return "category"
    if any(issubclass(t, _DATES) or t.__name__ == "Period" for t in types):
        return "date"
    return "number"


def _holds_objects(column: Any) -> bool:
    """Return whether a column of a pandas table holds Python objects: narwhals guesses their type from a few."""
    return column.implementation.is_pandas_like() and column.to_native().dtype == object


# ------------------------------------------------------------------ one column
def _array(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy() if isinstance(column, nw.Series) else column
    return values


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in _MISSING_TYPES or (isinstance(value, float) and value != value)


def _factorized(column: Any) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the place of each row's value among the distinct values, and these; the last one is None, for missing."""
    if not isinstance(column, nw.Series):
        codes, distinct = _factorized_array(column)
    elif column.implementation.is_pandas_like():
        codes, found = column.to_native().factorize()
        codes, distinct = np.asarray(codes, dtype=np.intp), found.tolist()
    else:
        if isinstance(column.dtype, nw.Categorical | nw.Enum):
            column = column.cast(nw.String)
        distinct = column.drop_nulls().unique(maintain_order=True).to_list()
        codes = np.full(len(column), -1, np.intp)
        if distinct:
            places = column.replace_strict(distinct, list(range(len(distinct))), return_dtype=nw.Int64)
            codes = places.fill_null(-1).to_numpy().astype(np.intp)
    codes[codes < 0] = len(distinct)
    return codes, [*(None if _is_missing(value) else value for value in distinct), None]


def _factorized_array(values: NDArray[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    """Return places and distinct values of an array, in the order in which they come."""
    if values.dtype.kind != "O":
        distinct, first, codes = np.unique(values, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        place = np.empty(len(order), np.intp)
        place[order] = np.arange(len(order))
        return place[codes], distinct[order].tolist()
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values.tolist()], np.intp), list(seen)


def _levels(column: Any, called: str, used: Any) -> tuple[Any, ...]:
    """Return the levels of a category column, sorted; of very many, the most frequent."""
    codes, distinct = _factorized(column)
    _refuse_dates_among(distinct, called)
    counts: Counter[Any] = Counter()
    for value, n in zip(distinct, np.bincount(codes[used], minlength=len(distinct)).tolist(), strict=True):
        counts[value] += n
    levels = [level for level, n in counts.most_common(MAX_LEVELS) if n]
    return tuple(sorted(levels, key=_order))


def _refuse_dates_among(values: Sequence[Any], called: str) -> None:
    if any(isinstance(value, _DATES) or type(value).__name__ == "Period" for value in values):
        raise _dates(f"{called} of X")


def _order(level: Any) -> tuple[int, str, Any]:
    """Sort numbers before strings, missing last."""
    if level is None:
        return 2, "", 0
    return (0, "", level) if isinstance(level, int | float) else (1, str(level), 0)


def _codes(column: Any, levels: Sequence[Any], called: str) -> NDArray[np.float64]:
    """Return the place of every value in `levels`, `UNKNOWN` where it has none."""
    codes, distinct = _factorized(column)
    _refuse_dates_among(distinct, called)
    before, now = _types(levels), _types(distinct)
    if before and now and not before & now:
        raise ValueError(
            f"{called} of X held {before.pop()} in fit and now holds {now.pop()}. Give it the type it had."
        )
    place = {level: float(i) for i, level in enumerate(levels)}
    found: NDArray[np.float64] = np.array([place.get(value, UNKNOWN) for value in distinct])[codes]
    return found


def _types(values: Sequence[Any]) -> set[str]:
    return {"strings" if isinstance(value, str) else "numbers" for value in values if value is not None}


def _numbers(column: Any, called: str) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where missing."""
    kind = _kind(column)
    if kind == "date":
        raise _dates(f"{called} of X")
    if kind is None:
        raise ValueError(f"{called} of X must hold numbers or categories, got values of the type {column.dtype}.")
    if isinstance(column, nw.Series) and not (
        _holds_objects(column) or column.dtype.is_float() or column.dtype.is_integer() or kind == "category"
    ):
        column = column.cast(nw.Float64)  # booleans and decimals
    values = _array(column)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    plain = [None if _is_missing(value) else value for value in values.tolist()]
    text = next((value for value in plain if isinstance(value, str)), None)
    if text is not None:
        raise ValueError(
            f"{called} of X must hold numbers, got {text!r}. If it holds categories, give it a string or category type "
            "before fit with categorical_features='from_dtype', or name it in categorical_features; a column that held "
            "numbers in fit must hold numbers now."
        )
    try:
        return np.array(plain, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{called} of X must hold numbers that fit into float64, or categories: {error}.") from error
