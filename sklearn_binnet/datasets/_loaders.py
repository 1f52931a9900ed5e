"""The loaders of the shipped data sets, and how a shipped table is read."""

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

# Days and months in the order of the calendar, the other levels by the alphabet.
TAXI_CATEGORIES = {
    "company": (
        "Chicago Independents",
        "City Service",
        "Flash Cab",
        "Sun Taxi",
        "Taxi Affiliation Services",
        "Taxicab Insurance Agency Llc",
        "other",
    ),
    "local": ("no", "yes"),
    "dow": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "month": ("Jan", "Feb", "Mar", "Apr"),
}
TAXI_NUMBERS = {"distance": np.float64, "hour": np.int_}


def load_ionosphere(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load and return the ionosphere data set (binary classification).

    Does a radar return from the ionosphere show some kind of structure (good) or not (bad)?

    =================   =======================
    Classes                                   2
    Samples per class     225 (good), 126 (bad)
    Samples total                           351
    Dimensionality                           34
    Features             real, between -1 and 1
    Missing values                         none
    =================   =======================

    Column V2 is 0 in every row. The rows stand in the order of the UCI file, and the target is
    coded as in Kaggle's course "Intro to Deep Learning" (good = 0, bad = 1), so that a seeded split
    of the rows here is the same split there.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame and `target` a pandas Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (351, 34)
            The features, float64, on the scale of the source.
        target : {ndarray, Series} of shape (351,)
            0 for good, 1 for bad.
        feature_names : list of str
            V1 to V34.
        target_names : ndarray of str
            ``["good", "bad"]``: ``target_names[target]`` are the labels in words.
        frame : DataFrame of shape (351, 35)
            `data` with a column `target`; None unless `as_frame=True`.
        DESCR : str
            The description, with source and licence.
        filename : str
            Name of the file that holds the table.
        data_module : str
            Where that file lies in the package.

    (data, target) : tuple if `return_X_y` is True
        The two as above.

    Raises
    ------
    ImportError
        `as_frame=True` without pandas.

    Notes
    -----
    Source: Sigillito, V., Wing, S., Hutton, L., & Baker, K. (1989). Ionosphere [Dataset]. UCI
    Machine Learning Repository. https://doi.org/10.24432/C5W01B. Licence: CC BY 4.0,
    https://creativecommons.org/licenses/by/4.0/. Changes: columns named, g and b written out.

    References
    ----------
    Sigillito, V. G., Wing, S. P., Hutton, L. V., & Baker, K. B. (1989). Classification of radar
    returns from the ionosphere using neural networks. Johns Hopkins APL Technical Digest, 10,
    262-266.

    Examples
    --------
    >>> from sklearn_binnet.datasets import load_ionosphere
    >>> data = load_ionosphere()
    >>> data.data.shape
    (351, 34)
    >>> data.target_names[data.target[:3]].tolist()
    ['good', 'bad', 'good']

    The split of Kaggle's course:

    >>> frame = load_ionosphere(as_frame=True).frame
    >>> train = frame.sample(frac=0.7, random_state=0)
    >>> test = frame.drop(train.index)
    >>> len(train), len(test)
    (246, 105)
    """
    columns = _read_table("ionosphere.csv.gz")
    names = ("good", "bad")
    target = _codes(columns.pop("signal"), names)
    return _as_dataset(
        "ionosphere",
        {name: column.astype(np.float64) for name, column in columns.items()},
        target,
        target_names=np.array(names),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def load_red_wine(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load and return the red wine quality data set (grades from 3 to 8).

    What grade, from 0 to 10, do tasters give a red vinho verde of these measurements? The target is
    the grade itself. Compare it with a grade to ask a yes/no question: ``target >= 7`` are the good
    wines (217 of 1,599), ``target <= 4`` the poor ones (63), ``target >= 6`` the better half (855).
    Several comparisons side by side make a multilabel target.

    =================   ================================
    Grades                                        3 to 8
    Samples per grade      10, 53, 681, 638, 199 and 18
    Samples total                                   1599
    Dimensionality                                    11
    Features                              real, positive
    Missing values                                  none
    =================   ================================

    The rows stand in the order of the UCI file. Some wines occur more than once with the same
    measurements; a random split puts copies on both sides.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame and `target` a pandas Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (1599, 11)
            The features, float64. Units: acids, sugar, chlorides and sulphates in g/dm3, sulfur
            dioxide in mg/dm3, density in g/cm3, alcohol in percent by volume.
        target : {ndarray, Series} of shape (1599,)
            The grade, an integer.
        feature_names : list of str
            The names of the columns.
        target_names : list of str
            ``["quality"]``, the name of the target.
        frame : DataFrame of shape (1599, 12)
            `data` with a column `quality`; None unless `as_frame=True`.
        DESCR : str
            The description, with source and licence.
        filename : str
            Name of the file that holds the table.
        data_module : str
            Where that file lies in the package.

    (data, target) : tuple if `return_X_y` is True
        The two as above.

    Raises
    ------
    ImportError
        `as_frame=True` without pandas.

    Notes
    -----
    Source: Cortez, P., Cerdeira, A., Almeida, F., Matos, T., & Reis, J. (2009). Wine Quality
    [Dataset]. UCI Machine Learning Repository. https://doi.org/10.24432/C56S3T. Licence: CC BY 4.0,
    https://creativecommons.org/licenses/by/4.0/. Changes: commas instead of semicolons between the
    columns.

    References
    ----------
    Cortez, P., Cerdeira, A., Almeida, F., Matos, T., & Reis, J. (2009). Modeling wine preferences
    by data mining from physicochemical properties. Decision Support Systems, 47(4), 547-553.
    https://doi.org/10.1016/j.dss.2009.05.016

    Examples
    --------
    >>> from sklearn_binnet.datasets import load_red_wine
    >>> X, quality = load_red_wine(return_X_y=True)
    >>> X.shape
    (1599, 11)
    >>> y = quality >= 7
    >>> int(y.sum())
    217
    """
    columns = _read_table("red_wine.csv.gz")
    quality = columns.pop("quality").astype(int)
    return _as_dataset(
        "red_wine",
        {name: column.astype(np.float64) for name, column in columns.items()},
        quality,
        target_names=["quality"],
        target_column="quality",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def load_taxi(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load and return the Chicago taxi data set (binary classification, rare positives).

    Does the rider of a taxi leave a tip? Nearly all do; the positive class is the trip without one.

    =================   ================================
    Classes                                            2
    Samples per class         9209 (tip), 791 (no tip)
    Samples total                                  10000
    Dimensionality                                     6
    Features                    2 numbers, 4 categories
    Missing values                                  none
    =================   ================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame whose columns `company`, `local`, `dow` and `month`
        have the dtype category, and `target` is a pandas Series. If False, those columns hold
        codes: the category encoded as i is number i of `categories`, as in
        :func:`sklearn.datasets.fetch_openml`. Codes are names, not amounts: give them to a
        :class:`~sklearn.preprocessing.OneHotEncoder` before a network.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (10000, 6)
            The columns `distance` (miles), `company`, `local` (began and ended in the same
            community area), `dow` (day of the week), `month` and `hour` (0 to 23). An ndarray is
            float64.
        target : {ndarray, Series} of shape (10000,)
            0 for a tip, 1 for none.
        feature_names : list of str
            The names of the columns.
        target_names : ndarray of str
            ``["tip", "no tip"]``: ``target_names[target]`` are the labels in words.
        categories : dict of str to list of str
            The levels of each categorical column, days and months in the order of the calendar.
        frame : DataFrame of shape (10000, 7)
            `data` with a column `target`; None unless `as_frame=True`.
        DESCR : str
            The description, with source and licence.
        filename : str
            Name of the file that holds the table.
        data_module : str
            Where that file lies in the package.

    (data, target) : tuple if `return_X_y` is True
        The two as above.

    Raises
    ------
    ImportError
        `as_frame=True` without pandas.

    Notes
    -----
    Source: the data set taxi of the R package modeldata,
    https://modeldata.tidymodels.org/reference/taxi.html, drawn from the City of Chicago's Data
    Portal, https://data.cityofchicago.org/Transportation/Taxi-Trips/wrvz-psew. Licence: MIT,
    Copyright (c) 2023 modeldata authors. Changes: written as CSV.

    References
    ----------
    Kuhn, M. modeldata: Data Sets Useful for Modeling Examples. R package.
    https://modeldata.tidymodels.org

    Examples
    --------
    >>> from sklearn_binnet.datasets import load_taxi
    >>> taxi = load_taxi()
    >>> taxi.feature_names
    ['distance', 'company', 'local', 'dow', 'month', 'hour']
    >>> taxi.categories["month"]
    ['Jan', 'Feb', 'Mar', 'Apr']

    Categories by name, ready for one column of 0 and 1 each:

    >>> from sklearn.compose import make_column_selector, make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> X, y = load_taxi(return_X_y=True, as_frame=True)
    >>> one_hot = OneHotEncoder(sparse_output=False)
    >>> categorical = make_column_selector(dtype_include="category")
    >>> encoder = make_column_transformer((one_hot, categorical), remainder="passthrough")
    >>> encoder.fit_transform(X).shape
    (10000, 22)
    """
    columns = _read_table("taxi.csv.gz")
    target = _codes(columns.pop("tip"), ("yes", "no"))
    return _as_dataset(
        "taxi",
        {
            name: _codes(column, TAXI_CATEGORIES[name])
            if name in TAXI_CATEGORIES
            else column.astype(TAXI_NUMBERS[name])
            for name, column in columns.items()
        },
        target,
        target_names=np.array(["tip", "no tip"]),
        categories=TAXI_CATEGORIES,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _read_table(file_name: str) -> dict[str, NDArray[np.str_]]:
    """Return the columns of a gzipped CSV file in `data/` by name, in order, as text."""
    packed = files(__package__).joinpath("data", file_name).read_bytes()
    header, *rows = csv.reader(gzip.decompress(packed).decode("utf-8").splitlines())
    return {name: np.array(column) for name, *column in zip(header, *rows, strict=True)}


def _read_description(file_name: str) -> str:
    """Return the text of a description in `data/`."""
    return files(__package__).joinpath("data", file_name).read_text(encoding="utf-8")


def _codes(column: NDArray[np.str_], levels: Sequence[str]) -> NDArray[np.int_]:
    """Replace each name by its place in `levels`, all of which may occur and no other."""
    place = {level: i for i, level in enumerate(levels)}
    return np.array([place[name] for name in column.tolist()], dtype=int)


def _as_dataset(
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
    """Return a table as a Bunch or as (data, target), in NumPy or in pandas.

    The table's files are ``data/<name>.csv.gz`` and ``data/<name>.rst``. Columns that are named in `categories` hold
    integer codes of the levels given there. `target_column` is the target's name in a frame.
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
        DESCR=_read_description(f"{name}.rst"),
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
