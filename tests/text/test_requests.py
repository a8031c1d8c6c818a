"""What instructions request."""

import pytest

from atelier.text.requests import Request, read_request


def request(garment=None, colour=None, pattern=None, fabric=None) -> Request:
    return Request(garment, colour, pattern, fabric)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("make the shirt red", request("shirt", "red")),
        ("Change the RED shirt to blue", request("shirt", "blue")),
        ("change the shirt's color from red to blue", request("shirt", "blue")),
        ("add dots to the red skirt", request("skirt", pattern="dots")),
        ("put flowers on the skirt", request("skirt", pattern="floral")),
        ("add stripes to the clothes", request("clothes", pattern="stripes")),
        ("change to a floral pattern", request(pattern="floral")),
        ("change to a leopard print", request(pattern="leopard")),
        ("turn the striped blouse into a green floral one", request("shirt", "green", "floral")),
        ("make his jeans black and plaid", request("trousers", "black", "plaid")),
        ("make the navy blue blazer beige instead", request("jacket", "beige")),
        ("make the white dress with black dots red", request("dress", "red")),
        ("make the hoodie grey with a floral pattern", request("sweatshirt", "grey", "floral")),
        ("change the shirt to red with white stripes", request("shirt", "red", "stripes")),
        ("change the colour of the dress to off-white", request("dress", "off-white")),
        ("dye her skirt dark green", request("skirt", "dark green")),
        ("recolour the t-shirt in navy", request("t-shirt", "navy")),
        ("make her top gray", request("t-shirt", "grey")),
        ("put the dog in red jeans", request("trousers", "red")),
        ("make the woman wear a yellow raincoat", request("coat", "yellow")),
        ("an olive dress instead", request("dress", "olive")),
        ("remove the pattern from the dress", request("dress", pattern="solid")),
        ("make the dress without stripes", request("dress", pattern="solid")),
        ("make the green polka dot dress solid purple", request("dress", "purple", "solid")),
        ("swap the stripes for polka dots on the shirt", request("shirt", pattern="dots")),
        ("replace the white shirt with a floral blouse", request("shirt", pattern="floral")),
        ("give her a black leather jacket", request("jacket", "black", fabric="leather")),
        ("change the pants to denim", request("trousers", fabric="denim")),
        ("turn the denim jacket red", request("jacket", "red")),
        # no single colour, or none of a garment
        ("make it black and white", request()),
        ("make the clothes black and white", request("clothes")),
        ("make the pants white and the shirt black", request("trousers")),
        ("turn her jeans into a red skirt", request("trousers")),
        ("make the collar of the shirt red", request("shirt")),
        ("change the red stripes on the shirt to blue", request("shirt")),
        ("make the sleeves red", request()),
        ("make the background blue", request()),
        ("change the wall to a floral wallpaper", request()),
        ("give it a blue hat", request()),
        ("make the shirt darker", request("shirt")),
        ("let it snow", request()),
        ("to", request()),
        ("", request()),
    ],
)
def test_what_an_instruction_requests(instruction, expected):
    assert read_request(instruction) == expected
