"""The judges of the repository, loaded once."""

import pytest
from import_graph import ROOT

from atelier.judges.efficientnet import EfficientNet
from atelier.judges.stlpips import StLpips


@pytest.fixture(scope="session")
def stlpips() -> StLpips:
    return StLpips.load(ROOT / "models/base/stlpips")


@pytest.fixture(scope="session")
def efficientnet() -> EfficientNet:
    return EfficientNet.load(ROOT / "models/base/efficientnet-lite0")
