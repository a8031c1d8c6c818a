"""What all visitors of the page share: the editors, the queue of jobs, the example pictures, the folder of files."""

from pathlib import Path

from atelier.studio.actions import warm_up
from atelier.studio.editors import Editors
from atelier.studio.examples import write_examples
from atelier.studio.jobs import Jobs


class Studio:
    """Editors, jobs and files of one server."""

    def __init__(self, editors: Editors, folder: Path) -> None:
        """Begin to load the editors of the first edit.

        Args:
            folder: where files to download are written; it must exist.
        """
        self.editors, self.folder, self.jobs = editors, folder, Jobs()
        self.warming = self.jobs.submit("", lambda job: warm_up(job, editors))
        (folder / "examples").mkdir()
        self.examples = write_examples(folder / "examples")
