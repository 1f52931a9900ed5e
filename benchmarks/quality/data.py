"""The tables of a folder, and one protocol for rows, splits and columns.

A folder holds a file a table:

- `NAME.npz` with `X` (n, columns; NaN is missing), `y` (n,) of 0 and 1 or (n, labels), and `feature_names`
- `NAME.csv.gz` with a column `y` of 0 and 1; categorical columns are headed `cat:...`, an empty field is missing;
  columns `cost_...` are left out

Without a folder there is what scikit-learn brings, and what `made.py` draws from a seed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

from . import made

BUILT_IN = ("breast_cancer", *made.MAKERS)
ROWS = 10_000
"""Most rows that are drawn from a table, for training and test together."""
TEST_SHARE = 0.3
FORMS = ("encoded", "raw")


@dataclass(frozen=True)
class Table:
    """A table as it is: numbers, and columns of pandas' dtype "category"; both may have missing values."""

    name: str
    X: pd.DataFrame
    y: NDArray[np.int8]

    @property
    def categories(self) -> list[str]:
        return list(self.X.select_dtypes("category").columns)

    @cached_property
    def plain(self) -> bool:
        """Whether there are only numbers and none is missing: raw and encoded are then the same."""
        return not self.categories and not bool(self.X.isna().any(axis=None))

    @cached_property
    def digest(self) -> str:
        """Tells this table from another of the same name."""
        content = np.concatenate([pd.util.hash_pandas_object(self.X, index=False), self.y.ravel().view(np.uint8)])
        return f"{zlib.crc32(content.tobytes()):08x}"


def names(folder: Path | None) -> list[str]:
    """Return the tables at hand: those of the folder, then scikit-learn's and those made from a seed."""
    files = [] if folder is None else sorted(p.name for p in folder.iterdir() if p.name.endswith((".npz", ".csv.gz")))
    return [*(file.split(".")[0] for file in files), *BUILT_IN]


def load(name: str, folder: Path | None) -> Table:
    """Return a table.

    Raises
    ------
    ValueError
        If neither the folder nor scikit-learn has it, and it is not made here.
    """
    if folder is not None and (path := folder / f"{name}.npz").exists():
        with np.load(path, allow_pickle=False) as arrays:
            columns = [str(column) for column in arrays["feature_names"]]
            return Table(name, pd.DataFrame(arrays["X"].astype(float), columns=columns), arrays["y"].astype(np.int8))
    if folder is not None and (path := folder / f"{name}.csv.gz").exists():
        return _from_csv(name, path)
    if name in made.MAKERS:
        return Table(name, *made.columns_and_labels(name))
    if name in BUILT_IN:
        bunch = load_breast_cancer(as_frame=True)
        return Table(name, bunch.data.astype(float), bunch.target.to_numpy(np.int8))
    raise ValueError(f"No table {name!r}; there are {', '.join(names(folder))}.")


def _from_csv(name: str, path: Path) -> Table:
    heads = pd.read_csv(path, nrows=0).columns
    marked = [head for head in heads if head.startswith("cat:")]
    # a word such as "NA" is a level; only an empty field is missing
    frame = pd.read_csv(path, dtype=dict.fromkeys(marked, "category"), keep_default_na=False, na_values=[""])
    y = frame.pop("y").to_numpy(np.int8)
    frame = frame[[head for head in frame if not head.startswith("cost_")]]
    frame.columns = [head.removeprefix("cat:") for head in frame]
    numbers = frame.select_dtypes(exclude="category").columns
    return Table(name, frame.astype(dict.fromkeys(numbers, float)), y)


@dataclass(frozen=True)
class Split:
    """Training and test rows of a table, raw; `encoded` is what everybody gets."""

    table: Table
    seed: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    @property
    def y_train(self) -> NDArray[np.int8]:
        return self.table.y[self.train]

    @property
    def y_test(self) -> NDArray[np.int8]:
        return self.table.y[self.test]

    def columns(self, form: str) -> tuple:
        """Return X of the training and of the test rows, "raw" (data frames) or "encoded" (float arrays)."""
        X_train, X_test = self.table.X.iloc[self.train], self.table.X.iloc[self.test]
        if form == "raw":
            return X_train.reset_index(drop=True), X_test.reset_index(drop=True)
        encoder = common_encoder(self.table)
        return encoder.fit_transform(X_train), encoder.transform(X_test)


def common_encoder(table: Table) -> ColumnTransformer:
    """Return what stands in front of every model: one-hot categories (missing is a level), medians for missing numbers.

    Learnt on the training rows; levels that they lack are all zero.
    """
    numbers = [column for column in table.X if column not in table.categories]
    onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        # an empty column stays, so that all splits have the same shape
        [("numbers", SimpleImputer(strategy="median", keep_empty_features=True), numbers)]
        + [("categories", onehot, table.categories)] * bool(table.categories)
    )


def split(table: Table, seed: int, rows: int = ROWS) -> Split:
    """Draw at most `rows` rows and take 30 % for the test, both stratified (shuffled alone for several labels)."""
    chosen = np.arange(len(table.y))
    strata = table.y if table.y.ndim == 1 else None
    if len(chosen) > rows:
        chosen, _ = train_test_split(chosen, train_size=rows, stratify=strata, random_state=seed)
    strata = None if strata is None else strata[chosen]
    train, test = train_test_split(chosen, test_size=TEST_SHARE, stratify=strata, random_state=seed)
    return Split(table, seed, train, test)


def arrays(name: str, seed: int, folder: str | Path | None = None, form: str = "encoded", rows: int = ROWS) -> tuple:
    """Return X_train, y_train, X_test, y_test as the models of this benchmark get them.

    Parameters
    ----------
    name : str
        Table, of the folder or of scikit-learn.
    seed : int
        Number of the split.
    folder : str, Path or None, default=None
        Where the tables are.
    form : {"encoded", "raw"}, default="encoded"
        float64 arrays, or data frames with categories and missing values.
    rows : int, default=10000
        Most rows drawn.
    """
    part = split(load(name, None if folder is None else Path(folder)), seed, rows)
    X_train, X_test = part.columns(form)
    return X_train, part.y_train, X_test, part.y_test
