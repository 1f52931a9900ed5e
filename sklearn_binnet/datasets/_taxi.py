"""Taxi trips in Chicago."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_binnet.datasets._base import as_dataset, codes, read_table

# Days and months in the order of the calendar, the rest by the alphabet.
CATEGORIES = {
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
NUMBERS = {"distance": np.float64, "hour": np.int_}


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
    columns = read_table("taxi.csv.gz")
    target = codes(columns.pop("tip"), ("yes", "no"))
    return as_dataset(
        "taxi",
        {
            name: codes(column, CATEGORIES[name]) if name in CATEGORIES else column.astype(NUMBERS[name])
            for name, column in columns.items()
        },
        target,
        target_names=np.array(["tip", "no tip"]),
        categories=CATEGORIES,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
