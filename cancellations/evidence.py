"""Images that go with a rejection: checked and re-encoded before anything is kept."""

import hashlib
import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, UnidentifiedImageError

from marketplaces.base import Capabilities

# What Pillow opens here. HEIC is not among it: of the two packages that read it, one is given up (pi-heif) and the
# other comes with an encoder under the GPL (pillow-heif). TIFF is not either: its tiles may be larger than its picture.
READ = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF")
STAYS_SHARP = ("PNG", "GIF")  # become PNG, all others JPEG
MAX_UPLOAD = 30_000_000  # bytes
# Fifty-megapixel telephones stay below. Decoding takes four bytes a pixel: 208 MB, and once more while it is turned.
MAX_PIXELS = 52_000_000
# (part of each side, quality) of the JPEGs that are tried for a picture whose file would be too large.
SMALLER = ((1.0, 90), (1.0, 75), (0.7, 80), (0.5, 80), (0.35, 75), (0.25, 70))
THUMBNAIL = 320  # pixels
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# What turns a picture upright, by the Exif orientation it was taken with.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """A re-encoded image: what was hidden in the file (scripts, positions, camera) is gone."""

    name: str
    content: bytes
    mime_type: str
    width: int  # pixels
    height: int
    original_format: str = ""  # as Pillow names it
    original_width: int = 0  # upright
    original_height: int = 0

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def stored_name(self) -> str:
        return f"{uuid.uuid4().hex}.{self.mime_type.rpartition('/')[2]}"

    def file(self) -> "ContentFile[bytes]":
        # Without a name a file counts as none, and its size would not be read.
        return ContentFile(self.content, self.name)


def read_picture(upload: "UploadedFile[Any]", market: Capabilities) -> Picture:
    """Check an uploaded image, and make of it what the marketplace takes. Raises ValidationError in words for the
    uploader.
    """
    name = shown_name(upload.name or "")
    if (upload.size or 0) > MAX_UPLOAD:
        raise too_large(name, upload.size or 0, MAX_UPLOAD)
    with opened(upload, name) as image:
        original = "JPEG" if image.format == "MPO" else str(image.format)
        upright = bare(turned_upright(image))
    width, height = upright.size
    fitting = within(upright, market.max_image_side)
    if min(fitting.size) < market.min_image_side:
        raise ValidationError(
            _("%(name)s is %(width)d × %(height)d pixels; each side must have %(least)d to %(most)d."),
            params={
                "name": name, "width": width, "height": height,
                "least": market.min_image_side, "most": market.max_image_side,
            },
        )  # fmt: skip
    stays_sharp = original in STAYS_SHARP and "PNG" in market.image_formats
    content, mime_type, size = encode(fitting, name, market, as_png=stays_sharp)
    return Picture(name, content, mime_type, *size, original, width, height)


def shown_name(name: str) -> str:
    """What can be shown and stored: no control characters, and none that turn the direction of reading."""
    clean = "".join(char for char in name if char.isprintable()).strip()
    return clean[-200:] or _("image")


def too_large(name: str, size: int, limit: int) -> ValidationError:
    return ValidationError(
        _("%(name)s is %(size).1f MB; at most %(limit)d MB can be taken. Make it smaller."),
        params={"name": name, "size": size / 1e6, "limit": limit // 1_000_000},
    )


@contextmanager
def opened(upload: "UploadedFile[Any]", name: str) -> Iterator[Image.Image]:
    """The decoded image, whose memory is given back at the end."""
    try:
        Image.open(upload, formats=READ).verify()
        upload.seek(0)
        image = Image.open(upload, formats=READ)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        image.load()
    except Image.DecompressionBombError:
        raise ValidationError(
            _("%(name)s has more than %(most)d million pixels; make it smaller."),
            params={"name": name, "most": MAX_PIXELS // 1_000_000},
        ) from None
    except Exception as problem:  # damaged files make Pillow raise nearly anything
        raise not_readable(upload, name, problem) from problem
    try:
        yield image
    finally:
        image.close()


def not_readable(upload: "UploadedFile[Any]", name: str, problem: Exception) -> ValidationError:
    upload.seek(0)
    start = upload.read(12)
    if start[4:8] == b"ftyp" and start[8:12] in HEIC:
        words = _(
            "%(name)s is a HEIC photo, which cannot be read here. Send it as a JPEG: on an iPhone choose Settings, "
            "Camera, Formats, “Most Compatible”, or take a screenshot of it."
        )
    elif not start:
        words = _("%(name)s is empty. Choose the file again, or another one.")
    elif isinstance(problem, UnidentifiedImageError):
        words = _("%(name)s is not an image that can be read here (%(formats)s).")
    else:
        words = _("%(name)s is not an image that can be read here (%(formats)s), or it is damaged.")
    return ValidationError(words, params={"name": name, "formats": ", ".join(READ)})


def turned_upright(image: Image.Image) -> Image.Image:
    """The picture as its tags say that it was held; as it lies where they cannot be read."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 0))
    except Exception:  # damaged tags make Pillow raise nearly anything
        turn = None
    return image.copy() if turn is None else image.transpose(turn)


def bare(image: Image.Image) -> Image.Image:
    """Pixels of eight bits, and nothing else that Pillow would write out again as it came, whatever it holds."""
    if image.mode.startswith("I"):
        image = image.point(lambda value: value * (1 / 256)).convert("L")
        image.info = {}
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    return image


def within(image: Image.Image, longest: int) -> Image.Image:
    part = longest / max(image.size)
    return image if part >= 1 else resized(image, part)


def resized(image: Image.Image, part: float) -> Image.Image:
    width, height = (max(1, round(side * part)) for side in image.size)
    return whole(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def whole(image: Image.Image) -> Image.Image:
    """In colours of its own instead of numbers of a palette, which have nothing between them."""
    if image.mode in ("1", "P", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image


def flattened(image: Image.Image) -> Image.Image:
    """For JPEG, which knows nothing transparent: on white, as pages are."""
    image = whole(image)
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    seen = image.convert("RGBA")
    page = Image.new("RGB", seen.size, "white")
    page.paste(seen, mask=seen)
    return page


def encode(image: Image.Image, name: str, market: Capabilities, *, as_png: bool) -> tuple[bytes, str, tuple[int, int]]:
    """(content, type, size): smaller than it came only where the marketplace would not take it otherwise."""
    content = b""
    if as_png:
        content = saved(image, "PNG")
        if len(content) <= market.max_image_bytes:
            return content, "image/png", image.size
    flat = flattened(image)
    for part, quality in SMALLER:
        smaller = flat if part == 1 else resized(flat, part)
        if min(smaller.size) < market.min_image_side:
            break
        content = saved(smaller, "JPEG", quality=quality)
        if len(content) <= market.max_image_bytes:
            return content, "image/jpeg", smaller.size
    raise too_large(name, len(content), market.max_image_bytes)


def saved(image: Image.Image, how: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, how, **options)
    return out.getvalue()


def thumbnail_of(file: IO[bytes]) -> bytes:
    """A small JPEG of an image that we have re-encoded ourselves."""
    with Image.open(file, formats=READ) as image:
        image.draft(None, (THUMBNAIL, THUMBNAIL))  # a JPEG need not be decoded in full
        small = flattened(image)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return saved(small, "JPEG", quality=80)
