"""A pharmacist without a scanner holds a pack into the camera, which is a video file here."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from verification.label import Label, write_png

pytestmark = pytest.mark.browser
WIDTH, HEIGHT = 640, 480
FRAMES = 10


def video_of(label: Label, path: Path) -> Path:
    """A camera's view of a printed label: uncompressed Y4M, grey on grey, a little dark."""
    code = Image.open(io.BytesIO(write_png(label, 6))).convert("L")
    view = Image.new("L", (WIDTH, HEIGHT), 120)
    view.paste(code, ((WIDTH - code.width) // 2, (HEIGHT - code.height) // 2))
    light = (np.asarray(view, dtype=np.float32) * 0.7 + 30).astype(np.uint8).tobytes()
    colour = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for _ in range(FRAMES):
            file.write(b"FRAME\n" + light + colour)
    return path


@pytest.fixture
def browser_flags(tmp_path: Path, request) -> tuple[str, ...]:
    label = Label(gtin="00355555678908", serial="U1", lot="L77", expiry="2035-10-31")
    video = video_of(label, tmp_path / "camera.y4m")
    return (
        "--use-fake-ui-for-media-stream" if request.param else "--deny-permission-prompts",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    )


@pytest.mark.parametrize("browser_flags", [True], indirect=True)
def test_a_pack_before_the_camera_is_verified(
    serving: Callable, packtrail: Callable, examples, browser
) -> None:
    assert packtrail("capture", examples / "shipment.xml").code == 0
    with serving() as server:
        browser.driver.get(server.address + "/")
        browser.press(".camera-opens")
        browser.until(".answer [data-word]", "U1", "L77")
        assert not browser.driver.find_element("css selector", "dialog.camera").is_displayed()
        log = browser.driver.get_log("browser")
        assert not [one["message"] for one in log if one["level"] == "SEVERE"]
        assert not browser.foreign_requests()


@pytest.mark.parametrize("browser_flags", [False], indirect=True)
def test_a_camera_that_is_not_allowed_says_what_to_do(
    serving: Callable, packtrail: Callable, examples, browser
) -> None:
    assert packtrail("capture", examples / "shipment.xml").code == 0
    with serving() as server:
        browser.driver.get(server.address + "/")
        browser.press(".camera-opens")
        browser.until(".camera-says", "not allowed", "open it again")
        browser.press("dialog.camera form button")
