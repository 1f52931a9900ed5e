"""Radar returns from the ionosphere."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_binnet.datasets._base import as_dataset, codes, read_table


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
    columns = read_table("ionosphere.csv.gz")
    names = ("good", "bad")
    target = codes(columns.pop("signal"), names)
    return as_dataset(
        "ionosphere",
        {name: column.astype(np.float64) for name, column in columns.items()},
        target,
        target_names=np.array(names),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
