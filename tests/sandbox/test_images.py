"""Uploaded images are looked at, kept and served."""

from __future__ import annotations

import io

import pytest
import requests
from PIL import Image

from tests.sandbox.client import Control, Shop


def png(width: int = 200, height: int = 200, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "#b4512f").save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "mime_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("BMP", "image/bmp")]
)
def test_an_image_is_kept_and_served_as_it_was(control: Control, us: Shop, kind: str, mime_type: str) -> None:
    content = png(kind=kind)
    answer = us.upload(content)
    assert answer.code == 0
    assert (answer.data["width"], answer.data["height"], answer.data["use_case"]) == (200, 200, "DESCRIPTION_IMAGE")
    served = requests.get(answer.data["url"], timeout=10)
    assert (served.content, served.headers["content-type"]) == (content, mime_type)
    [entry] = control.effects("image.uploaded")
    assert entry["detail"]["uri"] == answer.data["uri"]


def test_a_heic_image_is_known_by_its_boxes(us: Shop) -> None:
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x14ispe\0\0\0\0" + (640).to_bytes(4) + (480).to_bytes(4)
    answer = us.upload(content)
    assert (answer.data["width"], answer.data["height"]) == (640, 480)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 12038004),
        (b"hello", 12038004),
        (png(kind="GIF"), 12038004),
        (png(99, 200), 12038014),
        (png(100, 100), 0),
        (png(20_000, 100), 0),
        (png(20_001, 100), 12038014),
        (png()[:60], 12038002),
        (png() + b"\0" * (10 * 1024 * 1024), 12038005),
    ],
)
def test_what_tiktok_does_not_take_is_refused(us: Shop, content: bytes, code: int) -> None:
    assert us.upload(content).code == code


def test_a_main_image_needs_more_pixels(us: Shop) -> None:
    assert us.upload(png(), use_case="MAIN_IMAGE").code == 12038014
    assert us.upload(png(300, 300), use_case="MAIN_IMAGE").code == 0
    assert us.upload(png(), use_case="PORTRAIT").code == 11050001


def test_an_upload_without_a_file_is_refused(us: Shop) -> None:
    raw = b'--B\r\nContent-Disposition: form-data; name="use_case"\r\n\r\nMAIN_IMAGE\r\n--B--\r\n'
    assert us.upload(b"", raw=raw, content_type="multipart/form-data; boundary=B").code == 11050001


def test_another_sellers_image_cannot_be_shown_as_evidence(us: Shop, de: Shop) -> None:
    uri = us.upload(png()).data["uri"]
    cancel_id = de.pending()[0]["cancel_id"]
    refused = de.reject(cancel_id, de.reject_reasons(cancel_id)[0], images=[{"image_id": uri}])
    assert refused.code == 25001001


def test_products_have_pictures(us: Shop) -> None:
    urls = {line["sku_image"] for order in us.orders().data["orders"] for line in order["line_items"]}
    assert len(urls) > 20
    for url in urls:
        served = requests.get(url, timeout=10)
        assert (served.status_code, served.headers["content-type"]) == (200, "image/svg+xml; charset=utf-8")
        assert served.text.startswith("<svg")
    assert requests.get(f"{us.base_url}/images/nothing.svg", timeout=10).status_code == 404
    assert requests.get(f"{us.base_url}/images/../server.py", timeout=10).status_code == 404
