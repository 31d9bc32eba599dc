"""Maps in every form that a file can have: read right, or refused by name with what was seen."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from avsal_bench.data.files.image_headers import LIMIT
from avsal_bench.data.files.images import read_density_levels, read_grey
from avsal_bench.evaluation.maps import check_map, read_map

GREY = (np.arange(35, dtype=np.uint8).reshape(5, 7) * 7) // 17 * 17
COLOURS = np.stack([GREY, GREY[::-1], 255 - GREY], -1)


def picture(array=GREY, mode=None):
    image = Image.fromarray(array)
    return image if mode is None else image.convert(mode)


def palette(bits, array=GREY):
    """A palette of greys, in an order that is not that of their values."""
    levels = np.unique(array)[::-1]
    image = Image.fromarray((array[..., None] == levels).argmax(-1).astype(np.uint8), "P")
    image.putpalette(np.repeat(levels, 3).tobytes())
    return image, {"bits": bits}


@pytest.mark.parametrize("reader", [read_grey, read_density_levels])
@pytest.mark.parametrize("bits", [8, 4])
def test_colours_of_a_palette_are_looked_up(tmp_path, reader, bits):
    image, options = palette(bits)
    image.save(tmp_path / "a.png", **options)
    assert all(reader(tmp_path / "a.png").tolist() == GREY.tolist() for _ in range(3))


@pytest.mark.parametrize("bits", [1, 2])
def test_few_greys_are_spread_over_all(tmp_path, bits):
    array = np.array([[0, 1, 0, 1, 1, 0, 1]] * 3, np.uint8) * 255
    image, options = palette(bits, array)
    image.save(tmp_path / "palette.png", **options)
    picture(array, "1").save(tmp_path / "grey.png")
    for name in ("palette.png", "grey.png"):
        assert read_grey(tmp_path / name).tolist() == array.tolist(), name


FORMS = {
    "grey.png": (picture(), {}),
    "rgb.png": (picture(mode="RGB"), {}),
    "opaque.png": (picture(mode="RGBA"), {}),
    "la.png": (picture(mode="LA"), {}),
    "profile.png": (picture(), {"icc_profile": b"of some printer"}),
    "gamma.png": (picture(), {"dpi": (300, 300)}),
    "sixteen.png": (picture(GREY.astype(np.uint16) * 257), {}),
    "cmyk.jpg": (picture(mode="CMYK"), {"quality": 100}),
    "grey.JPG": (picture(), {"quality": 100}),
    "rgb.jpeg": (picture(mode="RGB"), {"quality": 100}),
    "progressive.jpg": (picture(), {"quality": 100, "progressive": True}),
    "upright.jpg": (picture(), {"quality": 100, "exif": b"Exif\0\0" + Image.Exif().tobytes()}),
}


@pytest.mark.parametrize("name", FORMS)
def test_grey_is_read_from_every_form(tmp_path, name):
    image, options = FORMS[name]
    image.save(tmp_path / name, **options)
    for read in (read_map(tmp_path / name), read_density_levels(tmp_path / name)):
        unit = {"torch.uint8": 1, "torch.uint16": 257, "torch.float32": 1 / 255}[str(read.dtype)]
        assert np.abs(read.double().numpy() / unit - GREY).max() <= (2 if "jp" in name.lower() else 1e-4)


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


SEEN_THROUGH = np.stack([*[np.zeros_like(GREY)] * 3, GREY], -1)
REFUSED = {
    "colours.png": (picture(COLOURS), {}, "a picture in colours, its channels are up to .* apart"),
    "colours.jpg": (picture(COLOURS), {}, "a picture in colours"),
    "palette.png": (picture(COLOURS).quantize(16), {}, "a picture in colours"),
    "cmyk.jpg": (picture(COLOURS).convert("CMYK"), {}, "a picture in colours"),
    "alpha.png": (picture(SEEN_THROUGH), {}, "partly transparent, its alpha channel goes from 0 to 2"),
    "la.png": (picture(np.stack([255 - GREY, GREY], -1)), {}, "partly transparent"),
    "faint.png": (picture(np.stack([*[GREY] * 3, np.full_like(GREY, 254)], -1)), {}, "from 254 to 254 of 255"),
    "key.png": (palette(8)[0], {"transparency": 0}, "partly transparent"),
    "turned.jpg": (picture(), {"exif": exif(6)}, "EXIF data turn the picture"),
    "turned.png": (picture(), {"exif": exif(3)}, "EXIF data turn the picture"),
    "bitmap.png": (picture(), {"format": "BMP"}, "unreadable image"),
    "moving.png": (
        picture(),
        {"format": "GIF", "save_all": True, "append_images": [picture(255 - GREY)]},
        "2 pictures",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_grey_map_is_refused_by_name_in_predictions_and_ground_truth(tmp_path, name):
    image, options, message = REFUSED[name]
    image.save(tmp_path / name, **options)
    for reader in (read_map, read_density_levels):
        with pytest.raises(ValueError, match=rf"{name}.*{message}|{message}.*{name}|unreadable image .*{name}"):
            reader(tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<html>"]
)
def test_what_is_cut_short_is_unreadable(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"unreadable image .*a\.png"):
        read_map(tmp_path / "a.png")


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def test_pixels_are_counted_before_memory_is_taken_for_them(tmp_path, monkeypatch):
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(
        ValueError, match=r"bomb\.png: its header says 60000x60000, 3,600,000,000 pixels, and at most 100"
    ):
        read_map(tmp_path / "bomb.png")
    for name in ("a.png", "a.jpg", "a.gif"):
        picture().save(tmp_path / name)
    np.save(tmp_path / "a.npy", GREY)
    monkeypatch.setenv(LIMIT, "34")
    for name in ("a.png", "a.jpg", "a.npy"):
        with pytest.raises(ValueError, match=rf"{name}: its header says 5x7, 35 pixels, .* set {LIMIT}=35"):
            read_map(tmp_path / name)
    monkeypatch.setenv(LIMIT, "35")
    assert read_map(tmp_path / "a.png").tolist() == GREY.tolist()
    monkeypatch.setenv(LIMIT, "many")
    with pytest.raises(ValueError, match=rf"{LIMIT}='many': expected a number of pixels"):
        read_map(tmp_path / "a.png")


def test_only_regular_files_are_opened(tmp_path):
    for name in ("a.png", "a.npy"):
        os.mkfifo(tmp_path / name)
        (tmp_path / f"zero_{name}").symlink_to("/dev/zero")
        for odd in (name, f"zero_{name}"):
            assert "not a regular file" in check_map(tmp_path / odd).problem


# Files of numpy.

ARRAY = GREY.astype(np.float64) / 255


@pytest.mark.parametrize(
    "kind", ["<f2", "<f4", ">f4", "<f8", ">f8", "longdouble", "uint8", ">u2", "<u4", ">i8", "int8", "?"]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_kind_are_read(tmp_path, kind, order):
    array = np.asarray(GREY % 100 if kind != "?" else GREY > 99, np.dtype(kind), order=order)
    np.save(tmp_path / "a.npy", array)
    read = read_map(tmp_path / "a.npy")
    assert str(read.dtype) in ("torch.uint8", "torch.float32", "torch.float64")
    assert read.tolist() == array.tolist()


@pytest.mark.parametrize("shape", [(1, 5, 7), (5, 7, 1), (1, 1, 5, 7)])
def test_sides_of_one_are_left_out(tmp_path, shape):
    np.save(tmp_path / "a.npy", ARRAY.reshape(shape))
    assert read_map(tmp_path / "a.npy").tolist() == ARRAY.tolist()


def header_only(shape, kind="<f8"):
    def write(path):
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})

    return write


def saved(array):
    return lambda path: np.save(path, array, allow_pickle=True)


def changed(change):
    def write(path):
        np.save(path, ARRAY)
        path.write_bytes(change(path.read_bytes()))

    return write


def archive(path):
    with path.open("wb") as file:
        np.savez(file, a=ARRAY)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (saved(np.zeros((0, 5))), r"expected numbers \(height, width\), got float64 of shape \(0, 5\)"),
        (saved(np.zeros((5, 7, 3))), r"got float64 of shape \(5, 7, 3\)"),
        (saved(np.float32(3)), r"of shape \(\)"),
        (saved(ARRAY * 1j), "got complex128"),
        (saved(np.array([[{1}, 2], [3, 4]], dtype=object)), "got object"),
        (saved(np.zeros((5, 7), [("a", "f4")])), "expected numbers"),
        (saved(np.zeros((5, 7), "M8[s]")), "expected numbers"),
        (saved(ARRAY - 1), "negative values"),
        (saved(np.full((5, 7), np.longdouble("1e4000"))), "NaN or infinity"),
        (archive, "an npz archive under the name of an npy file"),
        (header_only((10**6, 10**6)), r"its header says 1000000x1000000, 1,000,000,000,000 pixels"),
        (header_only((10**30, 4)), "pixels, and at most"),
        (header_only((-5, 7)), "expected numbers"),
        (header_only((5, 7)), "0 bytes of numbers, and float64 of shape .* has 280"),
        (changed(lambda data: data[:-9]), "271 bytes of numbers"),
        (changed(lambda data: data + b"more"), "284 bytes of numbers"),
        (changed(lambda data: b""), "no npy file"),
        (changed(lambda data: b"numbers: 1 2 3"), "no npy file"),
        (changed(lambda data: data[:6] + b"\x09" + data[7:]), "unreadable map"),
        (changed(lambda data: data[:8] + b"\xff\xff" + b"(" * 65535), "unreadable map"),
        (changed(lambda data: data[:8] + (9000).to_bytes(2, "little") + b"(" * 9000), "unreadable map"),
    ],
)
def test_what_is_no_file_of_a_map_is_named_with_what_was_seen(tmp_path, write, message):
    write(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=message) as error:
        read_map(tmp_path / "a.npy")
    assert "a.npy" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
