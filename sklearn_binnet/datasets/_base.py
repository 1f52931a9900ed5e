"""Read a shipped table and hand it over as scikit-learn's loaders do."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

DATA_MODULE = "sklearn_binnet.datasets.data"


def read_table(file_name: str) -> dict[str, NDArray[np.str_]]:
    """Return the columns of a gzipped CSV file in `data/` by name, in order, as text."""
    packed = files(__package__).joinpath("data", file_name).read_bytes()
    header, *rows = csv.reader(gzip.decompress(packed).decode("utf-8").splitlines())
    return {name: np.array(column) for name, *column in zip(header, *rows, strict=True)}


def read_description(file_name: str) -> str:
    """Return the text of a description in `data/`."""
    return files(__package__).joinpath("data", file_name).read_text(encoding="utf-8")


def codes(column: NDArray[np.str_], levels: Sequence[str]) -> NDArray[np.int_]:
    """Replace each name by its place in `levels`, all of which may occur and no other."""
    place = {level: i for i, level in enumerate(levels)}
    return np.array([place[name] for name in column.tolist()], dtype=int)


def as_dataset(
    name: str,
    columns: Mapping[str, NDArray],
    target: NDArray,
    *,
    target_names: Any,
    target_column: str = "target",
    categories: Mapping[str, Sequence[str]] | None = None,
    return_X_y: bool,
    as_frame: bool,
) -> Bunch | tuple[Any, Any]:
    """Return a table as Bunch or as (data, target), in NumPy or in pandas.

    Parameters
    ----------
    name : str
        Of the data set; its files are ``data/<name>.csv.gz`` and ``data/<name>.rst``.
    columns : mapping of str to ndarray of shape (n,)
        The features in order; columns named in `categories` hold integer codes.
    target : ndarray of shape (n,)
        The target.
    target_names : list or ndarray of str
        As the loader documents it.
    target_column : str
        Name of the target in a frame.
    categories : mapping of str to sequence of str, optional
        Names of the levels of each categorical column.
    return_X_y, as_frame : bool
        As in the loaders.
    """
    data: Any
    if as_frame:
        frame, data, target = _as_pandas(name, columns, target, target_column, categories or {})
    else:
        frame, data = None, np.column_stack(list(columns.values())).astype(np.float64)
    if return_X_y:
        return data, target
    bunch = Bunch(
        data=data,
        target=target,
        frame=frame,
        target_names=target_names,
        DESCR=read_description(f"{name}.rst"),
        feature_names=list(columns),
        filename=f"{name}.csv.gz",
        data_module=DATA_MODULE,
    )
    if categories is not None:
        bunch["categories"] = {column: list(levels) for column, levels in categories.items()}
    return bunch


def _as_pandas(
    name: str,
    columns: Mapping[str, NDArray],
    target: NDArray,
    target_column: str,
    categories: Mapping[str, Sequence[str]],
) -> tuple[Any, Any, Any]:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"load_{name} with as_frame=True needs pandas, which is not installed. "
            "Install it (pip install pandas) or use as_frame=False."
        ) from error
    features = {
        column: pd.Categorical.from_codes(values, categories=list(categories[column]))
        if column in categories
        else values
        for column, values in columns.items()
    }
    frame = pd.DataFrame({**features, target_column: target})
    return frame, frame[list(columns)], frame[target_column]
