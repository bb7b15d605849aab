// Reads packs with the camera, in this browser: the picture goes nowhere. Loaded when the camera is opened.
import { readBarcodes } from "/static/zxing/reader/index.js";

const SIDE_PX_MAX = 1280;
const LOOK_EVERY_MS = 120;
const FORMATS = ["DataMatrix", "QRCode", "Code128", "EAN13", "EAN8", "UPCA", "DataBar", "DataBarLimited", "DataBarExpanded"];
const WHY = {
  NotAllowedError: "The camera is not allowed here. Allow it beside the address of this page, and open it again.",
  NotFoundError: "No camera was found. Choose a picture, or use a scanner.",
  NotReadableError: "Another program uses the camera. Close it, and open the camera again.",
};

const latin1 = new TextDecoder("latin1");
// What a scanner would type: the symbology, then the bytes, separators and all.
const typed = (code) => code.symbologyIdentifier + latin1.decode(code.bytes);

function pictureOf(video, canvas) {
  const scale = Math.min(1, SIDE_PX_MAX / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// Shows the camera in `dialog` until one code is read or the dialog is closed; gives the text, or "".
export async function scanned(dialog) {
  const [video, say] = [dialog.querySelector("video"), dialog.querySelector(".camera-says")];
  const asks = say.dataset.asks;
  say.textContent = asks;
  dialog.showModal();
  let stream;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch (fault) {
    say.textContent = WHY[fault.name] ?? "The camera works over https, or on this machine itself. Choose a picture, or use a scanner.";
    return "";
  }
  video.srcObject = stream;
  const canvas = document.createElement("canvas");
  try {
    await video.play();
    while (dialog.open) {
      const codes = video.videoWidth
        ? await readBarcodes(pictureOf(video, canvas), { formats: FORMATS, maxNumberOfSymbols: 3, textMode: "Plain" }) : [];
      const square = codes.filter((code) => code.isValid && /^\](d|Q)/.test(code.symbologyIdentifier));
      const texts = [...new Set((square.length ? square : codes.filter((code) => code.isValid)).map(typed))];
      if (texts.length === 1) return texts[0];
      say.textContent = texts.length ? "Several codes are in the picture: show one pack alone." : asks;
      await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS); });
    }
    return "";
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    dialog.close();
  }
}
