"""A progress bar over epochs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sklearn_binnet._training._types import EpochReport


@contextmanager
def progress_bar(epochs: int, file: Any = None) -> Iterator[Any]:
    """Yield an `on_epoch` hook that moves a bar: epoch, mean loss and val_loss, time left.

    The bar shows itself on terminals and in notebooks only, never in a pipe or a log.
    """
    from tqdm.auto import tqdm

    with tqdm(total=epochs, unit="epoch", desc="fit", disable=None, file=file) as bar:

        def advance(report: EpochReport) -> bool:
            shown = {
                name: f"{np.mean([logs[name] for logs in report.logs]):.4f}"
                for name in ("loss", "val_loss")
                if name in report.logs[0]
            }
            if report.epoch == 0 and bar.n:
                bar.reset()  # the next networks, which train apart from the first
            bar.set_postfix(shown, refresh=False)
            bar.update()
            return False

        yield advance
