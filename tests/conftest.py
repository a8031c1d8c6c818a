"""Shared fixtures: tiny random instances of the real classes, so that no unit test depends on trained weights."""

import pytest
import torch
from fixtures_browser import chromium, page_file, view  # noqa: F401
from fixtures_cli_edit import edit_networks, edit_project  # noqa: F401
from fixtures_concepts import sd, sd3, sd3_folder, sd_folder  # noqa: F401
from fixtures_editor import tiny_editor_folder  # noqa: F401
from fixtures_edits import study  # noqa: F401
from fixtures_page import page_data  # noqa: F401
from fixtures_pairs import index, items, paired, prepared_items  # noqa: F401
from fixtures_scoring import scorers, scores, tiny_clip_folder, tiny_features_folder  # noqa: F401
from fixtures_training import editor  # noqa: F401
from hypothesis import settings

# The same examples in every run, and no limit on the time of one: on a busy machine a limit fails a test by chance.
settings.register_profile("atelier", derandomize=True, deadline=None)
settings.load_profile("atelier")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Compute every test, and the fixtures that it sets up, with one thread: stages run in this process set others.

    Tiny networks gain nothing from more threads, and the results of tiny trainings depend on their number.
    """
    torch.set_num_threads(1)
