"""Red wines and their grades."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_binnet.datasets._base import as_dataset, read_table


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
    columns = read_table("red_wine.csv.gz")
    quality = columns.pop("quality").astype(int)
    return as_dataset(
        "red_wine",
        {name: column.astype(np.float64) for name, column in columns.items()},
        quality,
        target_names=["quality"],
        target_column="quality",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
