"""One run above the runs of several experiments, such as the ablations: MLflow shows them nested below it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from atelier.tracking.record import Run
from atelier.tracking.runs import PARENT, run


class Parent:
    """A run that begins when the first experiment below it does, so that a command that runs none records none."""

    def __init__(self, stack: ExitStack, name: str, study: str) -> None:
        self._stack, self._name, self._study = stack, name, study
        self.run: Run | None = None

    def begin(self) -> None:
        """Begin the run at the first call: runs of this process and of those that it starts from now on are below it.

        Raises:
            UserError: the store cannot be used.
        """
        if self.run is None:
            self.run = self._stack.enter_context(run(self._name, {}, study=self._study))
            self._stack.callback(os.environ.pop, PARENT, None)
            os.environ[PARENT] = self.run.run_id

    def log_artifact(self, path: Path) -> None:
        """Log a file that compares the runs, if there are any."""
        if self.run is not None:
            self.run.log_artifact(path)


@contextmanager
def parent(name: str, study: str = "") -> Iterator[Parent]:
    """Yield a parent; its run, if it has begun, ends as the block does: FINISHED, FAILED or KILLED.

    Args:
        name: of the run: the command that starts the experiments.
        study: the study whose MLflow experiment it belongs to; "": the root pipeline's.
    """
    with ExitStack() as stack:
        yield Parent(stack, name, study)
