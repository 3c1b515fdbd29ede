"""Images that staff upload: what is kept is a picture and nothing but the picture."""

import hashlib
import io
import random
import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from cancellations import evidence
from cancellations.evidence import Picture
from marketplaces.base import Capabilities
from shops.markets import capabilities
from tests.factories import ShopFactory, at

MARKET: Capabilities = capabilities(ShopFactory.build(region="GB"), at("2026-03-02 12:00"))
SCRIPT = b"<html><script>alert(document.cookie)</script></html>"
LEFT, RIGHT = (220, 20, 20), (20, 20, 220)
ORIENTATION, GPS, MAKER = 0x0112, 0x8825, 0x010F
TURNED_RIGHT = 6  # the camera was held upright: turn the picture by 90 degrees to see it as it was


def picture(width: int = 200, height: int = 120, mode: str = "RGB") -> Image.Image:
    """Red on its left half, blue on its right."""
    image = Image.new("RGB", (width, height), LEFT)
    image.paste(RIGHT, (width // 2, 0, width, height))
    return image.convert(mode)


def encoded(image: Image.Image, how: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, how, **options)
    return out.getvalue()


def read(content: bytes, name: str = "photo.png") -> Picture:
    return evidence.read_picture(SimpleUploadedFile(name, content), MARKET)


def opened(taken: Picture) -> Image.Image:
    return Image.open(io.BytesIO(taken.content))


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises this many pixels and whose data holds next to none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class TestWhatIsTaken:
    @pytest.mark.parametrize(
        ("how", "mime_type"),
        [
            ("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/jpeg"), ("BMP", "image/jpeg"),
            ("GIF", "image/png"), ("AVIF", "image/jpeg"), ("MPO", "image/jpeg"),
        ],
    )  # fmt: skip
    def test_a_good_picture_comes_out_as_one_that_the_marketplace_takes(self, how: str, mime_type: str) -> None:
        taken = read(encoded(picture(), how))
        assert (taken.mime_type, taken.width, taken.height) == (mime_type, 200, 120)
        image = opened(taken)
        assert image.get_format_mimetype() == mime_type  # type: ignore[attr-defined]
        assert image.size == (200, 120)
        assert image.convert("RGB").getpixel((10, 60))[0] > 180  # type: ignore[index]

    def test_what_it_was_is_remembered(self) -> None:
        assert read(encoded(picture(), "WEBP")).original_format == "WEBP"
        assert read(encoded(picture(), "MPO")).original_format == "JPEG"  # which it is, with others behind it

    def test_the_name_does_not_decide_what_a_file_is(self) -> None:
        assert read(encoded(picture(), "JPEG"), "photo.png").mime_type == "image/jpeg"

    @pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
    def test_every_kind_of_png_is_taken(self, mode: str) -> None:
        image = Image.new("I;16", (150, 150), 40_000) if mode == "I;16" else picture(150, 150, mode)
        assert read(encoded(image)).mime_type == "image/png"

    def test_sixteen_bits_a_pixel_become_eight_that_look_the_same(self) -> None:
        image = opened(read(encoded(Image.new("I;16", (150, 150), 40_000))))
        assert (image.mode, image.getpixel((5, 5))) == ("L", 40_000 // 256)

    def test_what_is_transparent_lies_on_white_where_the_type_knows_nothing_transparent(self) -> None:
        image = opened(read(encoded(Image.new("RGBA", (150, 150), (0, 0, 0, 0)), "WEBP", lossless=True)))
        assert image.getpixel((70, 70)) == (255, 255, 255)

    @pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
    def test_every_kind_of_jpeg_is_taken(self, mode: str) -> None:
        assert opened(read(encoded(picture(mode=mode), "JPEG"))).mode == "RGB"

    def test_the_transparent_parts_of_a_png_stay_transparent(self) -> None:
        image = picture(mode="RGBA")
        image.putpixel((3, 3), (0, 0, 0, 0))
        assert opened(read(encoded(image))).convert("RGBA").getpixel((3, 3))[3] == 0  # type: ignore[index]

    def test_the_one_transparent_colour_of_a_paletted_png_stays_transparent(self) -> None:
        image = Image.new("P", (120, 120), 1)
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.putpixel((5, 5), 0)
        again = opened(read(encoded(image, transparency=0))).convert("RGBA")
        assert [again.getpixel(where)[3] for where in ((5, 5), (6, 6))] == [0, 255]  # type: ignore[index]

    def test_of_an_animation_the_first_picture_is_kept(self) -> None:
        frames = encoded(picture(), save_all=True, append_images=[Image.new("RGB", (200, 120), "white")])
        assert not getattr(opened(read(frames)), "is_animated", False)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "content",
        [
            SCRIPT,
            b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><script>alert(1)</script></svg>',
            encoded(picture(), "TIFF"),
            b"%PDF-1.7\n%%EOF",
            b"MZ" + bytes(200),
            b"\x89PNG\r\n\x1a\n",
        ],
        ids="html svg tiff pdf exe signature".split(),
    )
    def test_what_is_no_picture_of_a_kind_it_takes_is_named_and_refused(self, content: bytes) -> None:
        with pytest.raises(ValidationError, match=r"photo\.png is not an image.*JPEG, PNG"):
            read(content)

    @pytest.mark.parametrize("how", ["PNG", "JPEG", "WEBP", "BMP"])
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_a_picture_that_was_cut_off_is_refused(self, how: str) -> None:
        noise = Image.frombytes("RGB", (200, 200), random.Random(1).randbytes(120_000))
        whole = encoded(noise, how)
        with pytest.raises(ValidationError, match="not an image"):
            read(whole[: len(whole) // 2])

    def test_an_empty_file_is_called_empty(self) -> None:
        with pytest.raises(ValidationError, match=r"photo\.png is empty"):
            read(b"")

    @pytest.mark.parametrize("brand", [b"heic", b"mif1"])
    def test_the_photos_of_an_iphone_are_told_how_to_become_readable_ones(self, brand: bytes) -> None:
        with pytest.raises(ValidationError, match=r"HEIC photo.*Most Compatible"):
            read(b"\x00\x00\x00\x18ftyp" + brand + bytes(400), "IMG_0042.HEIC")

    def test_one_byte_too_many_is_refused_before_it_is_decoded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(evidence, "opened", lambda *_: pytest.fail("it was decoded"))
        with pytest.raises(ValidationError, match=r"30\.0 MB; at most 30 MB"):
            read(encoded(picture()).ljust(evidence.MAX_UPLOAD + 1))

    def test_a_picture_that_no_smaller_one_of_it_fits_either_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="Make it smaller"):
            evidence.read_picture(
                SimpleUploadedFile("photo.png", encoded(picture())), replace(MARKET, max_image_bytes=9)
            )

    @pytest.mark.parametrize(("least", "refused"), [((99, 400), True), ((400, 99), True), ((100, 100), False)], ids=str)
    def test_a_side_that_is_too_short_is_told_with_its_length(self, least: tuple[int, int], refused: bool) -> None:
        told = picture_or_problem(encoded(picture(*least)))
        assert isinstance(told, ValidationError) == refused
        if refused:
            width, height = least
            assert f"{width} × {height} pixels; each side must have 100 to 20000" in str(told)

    def test_one_that_would_be_too_narrow_once_it_is_short_enough_is_told_how_it_came(self) -> None:
        with pytest.raises(ValidationError, match="40000 × 120 pixels; each side must have 100 to 20000"):
            read(encoded(picture(40_000, 120)))

    @pytest.mark.parametrize("side", [(10_000, 6_000), (15_000, 8_000), (20_000, 20_000), (60_000, 60_000)], ids=str)
    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    def test_a_decompression_bomb_is_not_unpacked(self, side: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was unpacked"))
        with pytest.raises(ValidationError):
            read(png_of(*side))


class TestWhatIsMadeSmaller:
    def test_nothing_that_fits_is(self) -> None:
        taken = read(encoded(picture(20_000, 100)))
        assert (taken.width, taken.height) == (taken.original_width, taken.original_height) == (20_000, 100)

    @pytest.mark.parametrize("size", [(22_000, 300), (300, 22_000)], ids=str)
    def test_a_side_that_is_too_long_is(self, size: tuple[int, int]) -> None:
        taken = read(encoded(picture(*size)))
        assert max(taken.width, taken.height) == MARKET.max_image_side
        assert (taken.original_width, taken.original_height) == size

    @pytest.mark.parametrize("how", ["PNG", "WEBP"])
    @pytest.mark.parametrize("part", [0.9, 0.4, 0.1])
    def test_a_file_that_would_be_too_large_becomes_one_that_is_not(self, how: str, part: float) -> None:
        noise = Image.frombytes("RGB", (500, 500), random.Random(1).randbytes(750_000))
        most = int(len(read(encoded(noise, how)).content) * part)
        upload = SimpleUploadedFile("photo", encoded(noise, how))
        taken = evidence.read_picture(upload, replace(MARKET, max_image_bytes=most))
        assert len(taken.content) <= most
        assert opened(taken).size == (taken.width, taken.height)

    def test_a_palette_is_not_counted_between_its_colours(self) -> None:
        image = Image.new("P", (22_000, 300), 1)
        image.putpalette([0, 0, 0, 255, 255, 255])
        middle = opened(read(encoded(image))).convert("RGB").getpixel((5000, 100))
        assert middle == (255, 255, 255)


def picture_or_problem(content: bytes) -> Picture | ValidationError:
    try:
        return read(content)
    except ValidationError as problem:
        return problem


class TestWhatIsNotKept:
    @pytest.mark.parametrize("how", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
    @pytest.mark.parametrize("extra", [SCRIPT, b"PK\x03\x04 an archive", bytes(1000)], ids=["html", "zip", "zeros"])
    def test_what_is_glued_on_behind_a_picture_is_gone(self, how: str, extra: bytes) -> None:
        taken = read(encoded(picture(), how) + extra)
        assert extra not in taken.content

    def test_texts_inside_a_png_are_gone(self) -> None:
        texts = PngInfo()
        texts.add_text("Comment", SCRIPT.decode())
        texts.add_itxt("XML:com.adobe.xmp", SCRIPT.decode())
        assert b"script" not in read(encoded(picture(), pnginfo=texts)).content

    @pytest.mark.parametrize("field", ["comment", "xmp", "icc_profile", "exif"])
    def test_nothing_that_rides_along_in_a_jpeg_is_kept(self, field: str) -> None:
        hidden = b"Exif\x00\x00" + SCRIPT if field == "exif" else SCRIPT
        options: dict[str, Any] = {field: hidden}
        upload = encoded(picture(), "JPEG", **options)
        assert b"script" in upload
        assert b"script" not in read(upload).content

    @pytest.mark.parametrize("field", ["icc_profile", "exif"])
    def test_nothing_that_rides_along_in_a_png_is_kept(self, field: str) -> None:
        options: dict[str, Any] = {field: tags() if field == "exif" else SCRIPT}
        upload = encoded(picture(), **options)
        kept = opened(read(upload))
        kept.load()
        assert not {"icc_profile", "exif", "Comment"} & set(kept.info)

    @pytest.mark.parametrize("how", ["JPEG", "PNG", "WEBP"])
    def test_where_it_was_taken_and_with_what_is_gone(self, how: str) -> None:
        upload = encoded(picture(), how, exif=tags())
        assert Image.open(io.BytesIO(upload)).getexif().get_ifd(GPS)
        kept = opened(read(upload)).getexif()
        assert not kept.get_ifd(GPS)
        assert dict(kept) == {}

    @pytest.mark.parametrize("how", ["JPEG", "PNG", "WEBP"])
    def test_a_picture_that_was_held_upright_is_turned_before_its_tags_are_dropped(self, how: str) -> None:
        taken = read(encoded(picture(300, 120), how, exif=tags(TURNED_RIGHT)))
        assert (taken.width, taken.height) == (120, 300)
        image = opened(taken).convert("RGB")
        assert image.size == (120, 300)
        top, bottom = image.getpixel((60, 20)), image.getpixel((60, 280))
        assert top[0] > 180 and bottom[2] > 180  # type: ignore[index]

    @pytest.mark.parametrize("held", range(1, 9))
    def test_however_it_was_held_it_is_turned_as_a_viewer_would(self, held: int) -> None:
        upload = encoded(picture(300, 120), exif=tags(held))
        seen = ImageOps.exif_transpose(Image.open(io.BytesIO(upload))).convert("RGB")
        assert opened(read(upload)).convert("RGB").tobytes() == seen.tobytes()

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_a_picture_whose_tags_are_damaged_is_taken_as_it_lies(self) -> None:
        broken = tags(TURNED_RIGHT).replace(b"\x01\x12\x00\x03", b"\x01\x12\x00\x0b").replace(b"A camera", b"\xff" * 8)
        for exif in (broken, b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", b"Exif\x00\x00"):
            assert read(encoded(picture(), "JPEG", exif=exif)).width == 200


def tags(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = orientation, "A camera"
    exif.get_ifd(GPS)[1] = "N"
    exif[GPS] = {1: "N", 2: (52.0, 31.0, 12.0)}
    return exif.tobytes()


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "../../../etc/passwd.png",
            "C:\\Windows\\evil.png",
            "/absolute.png",
            "a\x00b.png",
            "photo.php",
            "%2e%2e%2f.png",
        ],
    )
    def test_no_part_of_a_name_gets_into_where_it_is_kept(self, name: str) -> None:
        stored = read(encoded(picture()), name).stored_name()
        assert stored.endswith(".png")
        assert stored.removesuffix(".png").isalnum()

    def test_the_folders_of_a_name_are_not_shown(self) -> None:
        assert read(encoded(picture()), "../../home/ada/photo.png").name == "photo.png"

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("a\x00b.png", "ab.png"), ("evil\u202egnp.exe", "evilgnp.exe"), ("  ", "image"), ("\n\t", "image"),
            ("<b>x</b>.png", "<b>x</b>.png"), ("日本語.png", "日本語.png"),
        ],
    )  # fmt: skip
    def test_what_is_shown_can_be_shown(self, name: str, shown: str) -> None:
        assert evidence.shown_name(name) == shown

    def test_two_pictures_of_one_name_are_kept_beside_each_other(self) -> None:
        taken = read(encoded(picture()))
        assert taken.stored_name() != taken.stored_name()

    def test_a_name_that_is_very_long_is_shortened(self) -> None:
        taken = read(encoded(picture()), f"{'long ' * 200}.png")
        assert len(taken.name) <= 255
        assert taken.name.endswith(".png")


class TestHashes:
    def test_the_same_picture_has_the_same_whatever_its_file_is_called_and_says_besides(self) -> None:
        plain, tagged = encoded(picture(), "JPEG"), encoded(picture(), "JPEG", exif=tags())
        assert plain != tagged
        assert read(plain, "a.jpg").sha256 == read(tagged, "b.jpg").sha256

    def test_it_is_that_of_what_is_kept(self) -> None:
        taken = read(encoded(picture()))
        assert taken.sha256 == hashlib.sha256(taken.content).hexdigest()
        assert taken.sha256 != read(encoded(picture(201))).sha256


@given(st.text())
def test_any_name_can_be_stored(name: str) -> None:
    shown = evidence.shown_name(name)
    assert 0 < len(shown) <= 200
    assert shown.isprintable()
    shown.encode()


@given(
    where=st.integers(0, 10_000),
    byte=st.integers(0, 255),
    cut=st.integers(0, 400),
    how=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF"]),
)
@example(where=7253, byte=0, cut=0, how="WEBP")  # tags that Pillow reads and cannot write again
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_a_file_that_was_damaged_anywhere_is_taken_or_refused_and_never_breaks_us(
    where: int, byte: int, cut: int, how: str
) -> None:
    damaged = bytearray(SAMPLES[how])
    damaged[where % len(damaged)] = byte
    told = picture_or_problem(bytes(damaged[: len(damaged) - cut % len(damaged)]))
    assert isinstance(told, ValidationError) or opened(told).size == (told.width, told.height)


SAMPLES = {
    how: encoded(picture(), how, **({} if how in ("BMP", "GIF") else {"exif": tags(TURNED_RIGHT)}))
    for how in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF")
}
