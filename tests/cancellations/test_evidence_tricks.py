"""Files that are made to be more than one thing, or far more than they seem."""

import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from PIL import Image

from tests.cancellations.test_evidence import SCRIPT, encoded, opened, picture, read

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """The PNG with one more chunk behind its header."""
    head = len(PNG) + 25
    return png[:head] + chunk(kind, data) + png[head:]


def bmp_of(width: int, height: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 200, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def gif_of(width: int, height: int) -> bytes:
    return encoded(picture(), "GIF")[:6] + struct.pack("<HH", width, height) + encoded(picture(), "GIF")[10:]


def frames(how: str, **options: Any) -> bytes:
    others = [Image.new("RGB", (200, 120), colour) for colour in ("white", "black", "green")]
    return encoded(picture(), how, save_all=True, append_images=others, duration=50, **options)


class TestFarMoreThanTheySeem:
    @pytest.mark.parametrize(
        "content",
        [bmp_of(60_000, 60_000), bmp_of(2**30, 2**30), gif_of(65_535, 65_535)],
        ids=["bmp", "bmp huge", "gif"],
    )
    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    def test_a_small_file_that_promises_a_huge_picture_is_not_unpacked(
        self, content: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was unpacked"))
        with pytest.raises(ValidationError):
            read(content)

    @pytest.mark.parametrize("kind", [b"iCCP", b"zTXt"])
    def test_neither_is_what_a_chunk_of_a_png_promises(self, kind: bytes) -> None:
        """Sixty-four megabytes of nothing, packed into some sixty kilobytes."""
        bomb = with_chunk(encoded(picture()), kind, b"x\0\0" + zlib.compress(bytes(64_000_000), 9))
        assert len(bomb) < 100_000
        with contextlib.suppress(ValidationError):
            assert len(read(bomb).content) < 10_000

    def test_a_png_whose_data_goes_on_behind_its_picture_gives_that_picture(self) -> None:
        rows = b"".join(b"\0" + bytes(3 * 150) for _ in range(150))
        data = zlib.compress(rows + bytes(50_000_000), 9)
        header = struct.pack(">IIBBBBB", 150, 150, 8, 2, 0, 0, 0)
        bomb = PNG + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
        assert opened(read(bomb)).size == (150, 150)


class TestSeveralPicturesInOne:
    @pytest.mark.parametrize(("how", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("AVIF", {})])
    def test_of_an_animation_one_picture_is_kept(self, how: str, options: dict[str, Any]) -> None:
        moving = frames(how, **options)
        assert getattr(Image.open(io.BytesIO(moving)), "n_frames", 1) > 1
        kept = opened(read(moving))
        assert getattr(kept, "n_frames", 1) == 1
        assert kept.convert("RGB").getpixel((10, 60))[0] > 180  # type: ignore[index]

    def test_an_animation_without_end_costs_no_more_than_its_first_picture(self) -> None:
        many = [Image.new("RGB", (200, 120), (number % 256, 0, 0)) for number in range(300)]
        assert len(read(encoded(picture(), "GIF", save_all=True, append_images=many)).content) < 10_000


class TestMoreThanOneThing:
    @pytest.mark.parametrize("kind", [b"tEXt", b"prVt", b"eXIf", b"iTXt"])
    def test_a_page_in_a_chunk_of_a_png_is_gone(self, kind: bytes) -> None:
        upload = with_chunk(encoded(picture()), kind, b"x\0" + SCRIPT)
        with contextlib.suppress(ValidationError):
            assert b"script" not in read(upload).content

    def test_a_page_in_the_comment_of_a_gif_is_gone(self) -> None:
        assert b"script" not in read(encoded(picture(), "GIF", comment=SCRIPT)).content

    def test_a_picture_that_begins_as_something_else_is_refused(self) -> None:
        for before in (
            SCRIPT,
            b"PK\x03\x04",
            b"%PDF-1.7\n",
            b"GIF89a=1;alert(1)//",
            b"#!/bin/sh\n",
            b"\xef\xbb\xbf<svg>",
        ):
            with pytest.raises(ValidationError):
                read(before + encoded(picture()))

    def test_what_is_called_a_picture_and_is_a_page_is_refused_whatever_it_is_called(self) -> None:
        for name in ("a.png", "a.svg", "a.html", "a.png.html", "a.jpg"):
            with pytest.raises(ValidationError, match="not an image"):
                read(SCRIPT, name)


class TestUnusualPixels:
    def test_a_palette_of_all_there_is_is_taken(self) -> None:
        image = Image.effect_noise((300, 300), 90).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
        assert opened(read(encoded(image))).size == (300, 300)

    @pytest.mark.parametrize("colour", [2, 6])
    def test_sixteen_bits_of_each_colour_become_eight(self, colour: int) -> None:
        channels = {2: 3, 6: 4}[colour]
        rows = b"".join(b"\0" + b"\x9c\x40" * channels * 150 for _ in range(150))
        header = struct.pack(">IIBBBBB", 150, 150, 16, colour, 0, 0, 0)
        deep = PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        assert opened(read(deep)).convert("RGB").getpixel((5, 5)) == (0x9C, 0x9C, 0x9C)

    def test_an_inverted_cmyk_of_a_printer_is_one_that_screens_show(self) -> None:
        image = opened(read(encoded(Image.new("CMYK", (150, 150), (0, 255, 255, 0)), "JPEG")))
        red, green, _blue = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert red > 200 and green < 60
