"""Colour profiles: into sRGB wherever a picture is read, and back into the profile where a photo is edited."""

import io

import icc_profiles as icc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from schema_files import as_bytes

from atelier.images.colour import flatten, from_srgb, is_two_way, profile_of
from atelier.images.decode import decode_picture
from atelier.images.photo import composite, open_mask, open_photograph, save

WIDE = icc.wide_rgb()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CUBE = np.stack(np.meshgrid(*[np.arange(40, 216, 25)] * 3), -1).reshape(16, -1, 3).astype(np.uint8)  # (16, 32, 3)
RAMP = np.tile(np.arange(256, dtype=np.uint8), (9, 1))


def read(picture: Image.Image, kind: str = "PNG", **options: object) -> np.ndarray:
    return np.asarray(decode_picture(as_bytes(picture, kind, **options)).pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF", "JPEG"])
def test_a_wide_profile_is_converted_to_srgb_in_every_format(kind):
    """Compared with the profile's own definition: curve, primaries, matrix of sRGB."""
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}.get(kind, {})
    large = np.kron(CUBE, np.ones((8, 8, 1), np.uint8))
    data = as_bytes(Image.fromarray(large), kind, icc_profile=WIDE, **options)
    expected = icc.srgb_of_wide(np.asarray(Image.open(io.BytesIO(data))))
    assert np.abs(np.asarray(decode_picture(data).pixels) - expected).max() <= 2
    assert np.abs(large - expected).max() > 40  # the raw numbers are far off


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_the_profile_is_applied_in_every_mode_that_its_numbers_can_have(mode):
    solid = Image.new("RGB", (12, 9), (160, 110, 60)).convert(mode)
    if mode == "RGBA":
        solid.putpixel((0, 0), (160, 110, 60, 0))
    numbers = np.asarray(solid.convert("RGB"))[5, 5]
    found = read(solid, icc_profile=WIDE)
    np.testing.assert_allclose(found[5, 5], icc.srgb_of_wide(numbers), atol=1.2)
    if mode == "RGBA":
        assert found[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile_is_applied(gamma, mode):
    picture = Image.fromarray(RAMP.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(RAMP).convert(mode)
    found = read(picture, icc_profile=icc.grey(gamma)).astype(int)
    assert np.ptp(found, axis=2).max() <= 1
    assert np.abs(found[..., 1] - icc.srgb_of_grey(RAMP, gamma)).max() <= 1.2


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_a_cmyk_profile_is_applied(kind):
    inks = Image.merge("CMYK", [Image.fromarray((RAMP > 127) * np.uint8(255)), *[Image.new("L", (256, 9))] * 3])
    found = read(inks, kind, icc_profile=icc.neutral_cmyk(), **({"quality": 100} if kind == "JPEG" else {}))
    expected = icc.srgb_of_lightness(np.array([[100.0], [200 / 3]])).repeat(3, axis=1)
    np.testing.assert_allclose(found[4, [9, 250]], expected, atol=2)


BROKEN = {
    "cut": WIDE[:150],
    "empty": b"",
    "noise": np.random.default_rng(1).bytes(400),
    "only a header": WIDE[:128],
    "no curve": WIDE.replace(b"gTRC", b"xTRC"),
    "grey for colour": icc.grey(1.0),
    "cmyk for colour": icc.neutral_cmyk(),
    "sRGB": SRGB,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_profile_that_is_damaged_or_of_another_kind_or_srgb_changes_no_number(kind):
    picture = Image.fromarray(CUBE)
    np.testing.assert_array_equal(read(picture, icc_profile=BROKEN[kind]), CUBE)
    np.testing.assert_array_equal(read(picture, "TIFF", icc_profile=BROKEN[kind]), CUBE)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_large_profile_is_read(kind):
    large = WIDE + np.random.default_rng(2).bytes(3 << 20)
    large = len(large).to_bytes(4, "big") + large[4:]
    found = read(Image.fromarray(CUBE), kind, icc_profile=large, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_allclose(found, icc.srgb_of_wide(CUBE), atol=1.2)


WHOLE = (
    (WIDE, "RGB"),
    (SRGB, "RGB"),
    (icc.grey(2.0), "L"),
    (icc.neutral_cmyk(), "CMYK"),
    (icc.neutral_scanner(), "RGB"),
)


@settings(max_examples=60)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 320), st.integers(0, 255)), max_size=6), st.booleans())
def test_a_damaged_profile_never_costs_the_picture(whole, changes, cut):
    damaged, picture = bytearray(whole[0]), Image.fromarray(CUBE).convert(whole[1])
    for position, value in changes:
        damaged[position % len(damaged)] = value
    picture.info["icc_profile"] = bytes(damaged[: len(damaged) // 2] if cut else damaged)
    found = decode_picture(picture).pixels
    assert (found.mode, found.size) == ("RGB", (32, 16))
    profile = profile_of(picture, picture)
    if profile and is_two_way(profile):
        assert from_srgb(np.asarray(found), profile).shape == CUBE.shape


def test_a_profile_of_another_type_is_ignored():
    picture = Image.fromarray(CUBE)
    for value in (7, "text", (1, 2), None):
        picture.info["icc_profile"] = value
        np.testing.assert_array_equal(np.asarray(decode_picture(picture).pixels), CUBE)


def test_the_editor_sees_srgb_and_the_edit_keeps_the_profile_and_every_untouched_number(tmp_path):
    Image.fromarray(CUBE).save(tmp_path / "wide.png", icc_profile=WIDE)
    photograph = open_photograph(tmp_path / "wide.png", 32)
    np.testing.assert_allclose(photograph.square[8:24], icc.srgb_of_wide(CUBE), atol=1.2)
    mask, edited = np.zeros((16, 32), bool), np.full((16, 32, 3), (90, 42, 30), np.uint8)
    mask[2:14, 4:28] = True
    mixed = composite(photograph, Image.fromarray(edited), mask)
    np.testing.assert_array_equal(mixed[~mask], CUBE[~mask])
    np.testing.assert_allclose(icc.srgb_of_wide(mixed[8, 16]), (90, 42, 30), atol=1.5)  # shown as the editor meant it
    np.testing.assert_allclose(icc.srgb_of_wide(composite(photograph, Image.fromarray(edited), None)), edited, atol=1.5)
    for suffix in (".png", ".webp"):
        save(mixed, tmp_path / f"out{suffix}", photograph.profile)
        with Image.open(tmp_path / f"out{suffix}") as written:
            assert written.info["icc_profile"] == WIDE
            np.testing.assert_array_equal(np.asarray(written.convert("RGB")), mixed)


@pytest.mark.parametrize(
    ("mode", "profile", "kept"),
    [
        ("RGB", SRGB, True), ("RGB", None, False), ("RGB", WIDE[:150], False), ("L", WIDE, True), ("P", WIDE, True),
        ("RGBA", WIDE, True), ("L", icc.grey(1.0), False), ("CMYK", icc.neutral_cmyk(), False),
        ("RGB", icc.neutral_scanner(), False),
    ],
)  # fmt: skip
def test_a_profile_that_an_edit_cannot_have_is_left_out_and_the_photo_is_in_srgb(tmp_path, mode, profile, kept):
    picture = Image.fromarray(CUBE).convert(mode)
    picture.save(tmp_path / "a.tif", icc_profile=profile)
    photograph = open_photograph(tmp_path / "a.tif", 32)
    assert photograph.profile == (profile if kept else None)
    own = np.asarray(flatten(picture).convert("RGB")) if kept else photograph.pixels
    np.testing.assert_array_equal(photograph.own_pixels, own)
    np.testing.assert_array_equal(
        composite(photograph, Image.fromarray(own * 0), np.eye(16, 32, dtype=bool))[0, 5:], own[0, 5:]
    )
    if mode == "CMYK":
        assert np.ptp(photograph.pixels.astype(int), axis=2).max() <= 2  # its printer knows no colour


def test_a_mask_s_numbers_are_no_colours(tmp_path):
    """A linear profile shows 100 as 168, which would put it inside."""
    Image.fromarray(np.where(np.eye(16, 32, dtype=bool), 250, 100).astype(np.uint8)).save(
        tmp_path / "m.png", icc_profile=icc.grey(1.0)
    )
    Image.fromarray(CUBE).save(tmp_path / "a.png")
    found = open_mask(tmp_path / "m.png", open_photograph(tmp_path / "a.png", 32))
    np.testing.assert_array_equal(found, np.eye(16, 32, dtype=bool))


def test_the_reference_agrees_with_another_reading_of_the_profile():
    """The profile's definition, written here, against the colour management library itself."""
    spaces = ImageCms.ImageCmsProfile(io.BytesIO(WIDE)), ImageCms.createProfile("sRGB")
    shown = ImageCms.profileToProfile(Image.fromarray(CUBE), *spaces, outputMode="RGB")
    np.testing.assert_allclose(np.asarray(shown), icc.srgb_of_wide(CUBE), atol=1.2)
