"""Images that go with a rejection: checked and re-encoded before anything is kept."""

import io
import uuid
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, UnidentifiedImageError

from marketplaces.base import Capabilities

# Decoding a picture takes four bytes a pixel; 50 million are 200 MB.
MAX_PIXELS = 50_000_000
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

    def stored_name(self) -> str:
        return f"{uuid.uuid4().hex}.{self.mime_type.rpartition('/')[2]}"

    def file(self) -> "ContentFile[bytes]":
        # Without a name a file counts as none, and its size would not be read.
        return ContentFile(self.content, self.name)


def read_picture(upload: "UploadedFile[Any]", market: Capabilities) -> Picture:
    """Check an uploaded image against what the marketplace takes. Raises ValidationError in words for the uploader."""
    name = upload.name or _("image")
    must_not_be_large(name, upload.size or 0, market)
    image = open_image(upload, name, market)
    width, height = image.size
    if min(width, height) < market.min_image_side or max(width, height) > market.max_image_side:
        raise ValidationError(
            _("%(name)s is %(width)d × %(height)d pixels; each side must have %(least)d to %(most)d."),
            params={
                "name": name, "width": width, "height": height,
                "least": market.min_image_side, "most": market.max_image_side,
            },
        )  # fmt: skip
    picture = encode(image, name)
    # A WebP can grow many times over when it becomes a JPEG.
    must_not_be_large(name, len(picture.content), market)
    return picture


def must_not_be_large(name: str, size: int, market: Capabilities) -> None:
    if size > market.max_image_bytes:
        raise ValidationError(
            _("%(name)s is %(size).1f MB; the marketplace takes at most %(limit)d MB."),
            params={"name": name, "size": size / 1e6, "limit": market.max_image_bytes // 1_000_000},
        )


def open_image(upload: "UploadedFile[Any]", name: str, market: Capabilities) -> Image.Image:
    wrong = ValidationError(
        _("%(name)s is not an image that the marketplace takes (%(formats)s)."),
        params={"name": name, "formats": ", ".join(market.image_formats)},
    )
    try:
        Image.open(upload, formats=tuple(market.image_formats)).verify()
        upload.seek(0)
        image = Image.open(upload, formats=tuple(market.image_formats))
        if image.width * image.height > MAX_PIXELS:
            raise ValidationError(_("%(name)s has too many pixels; make it smaller."), params={"name": name})
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise wrong from problem
    return image


def encode(image: Image.Image, name: str) -> Picture:
    """PNG stays PNG, everything else becomes JPEG; the picture is turned upright first, as its tags are dropped."""
    upright = turned_upright(image)
    # Pillow would write comments and colour profiles out again as they came, whatever they hold.
    upright.info = {name: value for name, value in upright.info.items() if name == "transparency"}
    out = io.BytesIO()
    if image.format == "PNG":
        upright.save(out, "PNG", optimize=True)
        mime_type = "image/png"
    else:
        upright.convert("RGB").save(out, "JPEG", quality=90)
        mime_type = "image/jpeg"
    return Picture(name, out.getvalue(), mime_type, upright.width, upright.height)


def turned_upright(image: Image.Image) -> Image.Image:
    """The picture as its tags say that it was held; as it lies where they cannot be read."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 0))
    except Exception:  # damaged tags make Pillow raise nearly anything
        turn = None
    return image.copy() if turn is None else image.transpose(turn)
