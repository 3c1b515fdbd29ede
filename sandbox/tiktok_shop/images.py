"""Uploaded evidence: looked at, kept, and served again."""

from __future__ import annotations

import io
from dataclasses import dataclass

from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import dumps
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.world import World

MAX_BYTES = 10 * 1024 * 1024
SMALLEST, LARGEST = 100, 20_000
USE_CASE_SIDES = {"MAIN_IMAGE": (300, 4000), "SIZE_CHART_IMAGE": (1024, LARGEST)}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")


@dataclass(frozen=True, slots=True)
class Image:
    uri: str
    content: bytes
    mime_type: str
    width: int
    height: int


class Images:
    """Kept by ``uri``, which is the ``image_id`` of other calls."""

    def __init__(self) -> None:
        self.kept: dict[str, Image] = {}

    def upload(self, world: World, call: Call) -> bytes:
        """Checks size, format and dimensions; answers with where the image can be seen."""
        content, use_case = call.body["data"], call.body.get("use_case") or "MAIN_IMAGE"
        if len(content) > MAX_BYTES:
            raise Refusal(12038005)
        mime_type, width, height = look_at(content)
        shortest, longest = USE_CASE_SIDES.get(use_case, (SMALLEST, LARGEST))
        if not (shortest <= min(width, height) and max(width, height) <= longest):
            raise Refusal(12038014)
        uri = f"tos-sandbox-i-o3syd03w52/{world.ids.secret(f'image {len(self.kept)}', 32).lower()}"
        self.kept[uri] = Image(uri, content, mime_type, width, height)
        world.uploaded[uri] = call.grant.seller_id if call.grant else ""
        url = f"{world.base_url}/images/{uri}"
        world.ledger.write(
            call.now,
            "image.uploaded",
            actor="seller",
            request_id=call.request_id,
            detail={
                "uri": uri,
                "bytes": len(content),
                "mime_type": mime_type,
                "width": width,
                "height": height,
                "use_case": use_case,
            },
        )
        return dumps({"uri": uri, "url": url, "height": height, "width": width, "use_case": use_case})


def look_at(content: bytes) -> tuple[str, int, int]:
    """Mime type, width and height. Refuses what is no image, or none of a kind TikTok takes."""
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return _look_at_heic(content)
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    Pillow.MAX_IMAGE_PIXELS = None  # nothing is unpacked, only the header is read
    try:
        with Pillow.open(io.BytesIO(content)) as image:
            if image.format not in FORMATS:
                raise Refusal(12038004)
            width, height = image.size
            mime_type = Pillow.MIME[image.format]
            image.verify()
    except UnidentifiedImageError as error:
        raise Refusal(12038004) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Refusal(12038002) from error
    return mime_type, width, height


def _look_at_heic(content: bytes) -> tuple[str, int, int]:
    """The largest image spatial extents box (ISO/IEC 14496-12) holds the picture's size."""
    sizes = []
    place = content.find(b"ispe")
    while place != -1 and len(content) >= place + 16:
        sizes.append(
            (int.from_bytes(content[place + 8 : place + 12]), int.from_bytes(content[place + 12 : place + 16]))
        )
        place = content.find(b"ispe", place + 4)
    if not sizes:
        raise Refusal(12038002)
    width, height = max(sizes)
    return "image/heic", width, height
