"""One measurement in this process: `python -m benchmarks.speed.worker JOB RESULT`.

JOB is a JSON object (task, peer, repeats, dtype, quick); RESULT is the file that gets the answer.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

from . import measures, scaling
from .adapters import adapter
from .tasks import BY_NAME, IMPORT_ONLY, SCALING, quick


def measure(job: dict[str, Any]) -> dict:
    """Return the figures, or `{"lacks": reason}` where the library cannot do the task."""
    if job["peer"] == IMPORT_ONLY:
        library = None
    else:
        try:
            library = adapter(job["peer"])
            library.load()
        except ImportError as error:
            return {"lacks": f"cannot be imported: {error.name}"}
    if job["task"] == SCALING:
        return scaling.measure(library, job["peer"], job["repeats"], job["dtype"], job["quick"])
    task = quick(BY_NAME[job["task"]]) if job["quick"] else BY_NAME[job["task"]]
    if library is not None and (reason := library.lacks(task.shape, task.kind)):
        return {"lacks": reason}
    return measures.MEASURES[task.kind](library, task, job["repeats"], job["dtype"])


if __name__ == "__main__":
    # `MLPClassifier` warns that it has not converged, as is meant
    warnings.simplefilter("ignore")
    Path(sys.argv[2]).write_text(json.dumps(measure(json.loads(sys.argv[1]))))
