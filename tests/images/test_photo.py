"""Photos into the square and back: undistorted, upright, at their own size; unchanged outside the mask."""

from pathlib import Path

import numpy as np
import photographs as shipped
import pytest
from PIL import Image, ImageCms
from schema_files import png_header
from scipy.ndimage import binary_dilation
from skimage.metrics import structural_similarity
from skimage.transform import resize

from atelier.common.errors import UserError
from atelier.images import photo
from atelier.images.photo import FORMATS, composite, from_square, open_mask, open_photograph, save

SIZE = 64
KINDS = ("tall", "wide", "turned", "transparent", "grey", "tiny", "large")


def gradient(width: int, height: int) -> np.ndarray:
    """Return a smooth image whose four corners differ: uint8 (H, W, 3)."""
    x, y = np.linspace(0, 255, width), np.linspace(0, 255, height)
    return np.stack(np.broadcast_arrays(x[None], y[:, None], (x[None] + y[:, None]) / 2), -1).astype(np.uint8)


def write(folder: Path, kind: str) -> tuple[Path, np.ndarray]:
    """Write a photo of a kind; return its path and its upright pixels, uint8 (H, W, 3)."""
    sizes = {"tall": (40, 190), "wide": (600, 90), "tiny": (11, 8), "large": (3000, 2000)}
    upright = gradient(*sizes.get(kind, (120, 90)))
    picture, options = Image.fromarray(upright), {}
    if kind == "turned":  # stored rotated with an EXIF orientation, as by phones
        picture, exif = picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
        exif[0x0112] = 6
        options = {"exif": exif, "quality": 95, "subsampling": 0}
    elif kind == "transparent":
        layer = Image.new("L", picture.size, 255)
        layer.paste(0, (0, 0, 60, 90))
        picture.putalpha(layer)  # from here on the picture has its own pixels
        upright[:, :60] = 255
    elif kind == "grey":
        picture = picture.convert("L")
        upright = np.repeat(np.asarray(picture)[..., None], 3, axis=2)
    path = folder / f"{kind}.{'jpg' if kind == 'turned' else 'png'}"
    picture.save(path, **options)
    return path, upright


def opened(folder: Path, kind: str) -> photo.Photograph:
    return open_photograph(write(folder, kind)[0], SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_into_the_square_and_back_keeps_size_and_content(tmp_path, kind):
    path, upright = write(tmp_path, kind)
    photograph = open_photograph(path, SIZE)
    np.testing.assert_allclose(photograph.pixels.astype(int), upright, atol=4 if kind == "turned" else 0)
    square = photograph.square
    assert square.shape == (SIZE, SIZE, 3)
    back = np.asarray(from_square(square, photograph))
    assert (back.shape, back.dtype) == (upright.shape, np.uint8)
    error = np.abs(back.astype(int) - upright)
    assert np.median(error) <= 2
    assert error.mean() < 6  # the edge of a transparent region is blurred


@pytest.mark.parametrize("shape", [(190, 40), (90, 600), (2000, 3000)])
def test_a_square_in_a_photo_stays_square(tmp_path, shape):
    canvas, side = np.full((*shape, 3), 255, np.uint8), min(shape) // 2
    canvas[:side, :side] = 0
    Image.fromarray(canvas).save(tmp_path / "photo.png")
    dark = open_photograph(tmp_path / "photo.png", SIZE).square.mean(-1) < 128
    rows, columns = dark.any(1).sum(), dark.any(0).sum()
    assert abs(int(rows) - int(columns)) <= 1
    assert rows >= 2


@pytest.mark.parametrize("path", [shipped.SKIMAGE / "astronaut.png", shipped.HOPPER])
def test_real_photos_come_back_with_less_detail_only(path):
    photograph = open_photograph(path, 256)
    back = np.asarray(from_square(photograph.square, photograph))
    assert back.shape == photograph.pixels.shape
    expected = resize(resize(photograph.pixels, [n // 2 for n in back.shape[:2]], anti_aliasing=True), back.shape[:2])
    assert structural_similarity(back / 255, expected, channel_axis=2, data_range=1) > 0.93


@pytest.mark.parametrize("kind", KINDS)
def test_outside_the_mask_no_pixel_changes(tmp_path, kind):
    photograph = opened(tmp_path, kind)
    height, width = photograph.pixels.shape[:2]
    mask = np.zeros((height, width), bool)
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = True
    mask[: height // 2, width // 2 :] = False  # a concave corner
    mixed = composite(photograph, Image.fromarray(255 - photograph.pixels), mask)
    np.testing.assert_array_equal(mixed[~mask], photograph.pixels[~mask])
    assert (mixed[mask] != photograph.pixels[mask]).any()


def test_the_inside_of_the_mask_is_the_edit_and_its_edge_is_feathered(tmp_path):
    photograph = opened(tmp_path, "large")
    mask = np.zeros(photograph.pixels.shape[:2], bool)
    mask[500:1500, 500:2500] = True
    edited = 255 - photograph.pixels // 2
    mixed, edge = composite(photograph, Image.fromarray(edited), mask), round(4 * photograph.scale)
    inside = slice(500 + edge, 1500 - edge), slice(500 + edge, 2500 - edge)
    np.testing.assert_array_equal(mixed[inside], edited[inside])
    across = mixed[1000, 490 : 500 + edge].astype(int).sum(-1)
    assert np.abs(np.diff(across)).max() < 0.2 * abs(across[-1] - across[0])  # no visible step


def test_a_mask_of_the_square_covers_the_same_region_of_the_photo(tmp_path):
    photograph, square = opened(tmp_path, "wide"), np.zeros((SIZE, SIZE), bool)
    assert not photo.mask_from_square(square, photograph).any()
    left, top, _, bottom = photograph.fit.place
    square[top:bottom, left + 16 : left + 32] = True
    mask = photo.mask_from_square(square, photograph)
    expected = np.zeros_like(mask)
    expected[:, round(16 * photograph.scale) : round(32 * photograph.scale)] = True
    margin = binary_dilation(expected, iterations=2) & binary_dilation(~expected, iterations=2)
    np.testing.assert_array_equal(mask[~margin], expected[~margin])


def test_a_mask_file_is_rotated_like_its_photo(tmp_path):
    path, upright = write(tmp_path, "turned")
    wanted = np.zeros(upright.shape[:2], bool)
    wanted[:20, :50] = True
    Image.fromarray(wanted).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "mask.png", open_photograph(path, SIZE)), wanted)


@pytest.mark.parametrize(
    ("mask", "reason"), [(np.zeros((90, 120)), "empty mask"), (np.eye(9), "mask of another shape")]
)
def test_an_unusable_mask_is_refused_with_the_expected_form(tmp_path, mask, reason):
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match=rf"mask\.png: {reason}; expected white where grey\.png may change, 120 × 90"):
        open_mask(tmp_path / "mask.png", opened(tmp_path, "grey"))


@pytest.mark.parametrize(
    ("content", "reason", "mask_reason"),
    [
        (None, "no such file", "no such file"),
        (b"nothing", "not a picture", "unreadable mask"),
        (png_header(20_000, 10_000), "too many pixels", "unreadable mask"),
    ],
)
def test_a_file_that_is_not_a_photo_is_refused_by_name(tmp_path, content, reason, mask_reason):
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"photo\.jpg: {reason}"):
        open_photograph(path, SIZE)
    with pytest.raises(UserError, match=rf"photo\.jpg: {mask_reason}"):
        open_mask(path, opened(tmp_path, "grey"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_suffix_determines_the_format(tmp_path, suffix):
    pixels, path = gradient(50, 40), tmp_path / f"edited{suffix.upper()}"
    save(pixels, path)
    with Image.open(path) as written:
        assert written.format == FORMATS[suffix]
        error = np.abs(np.asarray(written.convert("RGB")).astype(int) - pixels)
    assert error.max() <= (4 if suffix.startswith(".j") else 0)


@pytest.mark.parametrize("name", ["edited.gif", "edited", "edited.png.txt"])
def test_other_formats_are_refused(name):
    with pytest.raises(UserError, match=r"expected one of the image formats \.png, \.jpg, \.jpeg, \.webp"):
        photo.check_format(Path(name))


def test_an_rgb_colour_profile_is_kept(tmp_path):
    """Display P3 pixels read as sRGB would look pale; a CMYK or grey profile on an RGB file would be wrong."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(gradient(40, 30)).save(tmp_path / "rgb.jpg", icc_profile=profile)
    photograph = open_photograph(tmp_path / "rgb.jpg", SIZE)
    save(photograph.pixels, tmp_path / "out.webp", photograph.profile)
    with Image.open(tmp_path / "out.webp") as opened:
        assert opened.info["icc_profile"] == profile
    grey = bytearray(profile)
    grey[16:20] = b"GRAY"
    Image.fromarray(gradient(40, 30)).convert("L").save(tmp_path / "grey.png", icc_profile=bytes(grey))
    assert open_photograph(tmp_path / "grey.png", SIZE).profile is None
