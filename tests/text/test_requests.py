"""What instructions request."""

import pytest

from atelier.text.requests import read_request


@pytest.mark.parametrize(
    ("instruction", "meaning"),
    [
        ("make the shirt red", ("red", None)),
        ("Change the RED shirt to blue", ("blue", None)),
        ("add dots to the red skirt", (None, "dots")),
        ("turn the striped blouse into a green floral one", ("green", "floral")),
        ("make his jeans black and plaid", ("black", "plaid")),
        ("let it snow", (None, None)),
        ("to", (None, None)),
    ],
)
def test_the_fabric_that_an_instruction_requests(instruction, meaning):
    asked = read_request(instruction)
    assert (asked.colour, asked.pattern) == meaning
