// Scanning in the page: the browser's BarcodeDetector where it reads QR codes, else zxing-wasm, loaded on first use.
// A picture never leaves the device. A code of another site is named as such and not opened.
const OURS = /^(https?):\/\/([^/]+)\/v\/([a-z2-7]{26})(#[a-z2-7]{1,220})?$/i;

async function detector(part) {
  if ("BarcodeDetector" in self && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const native = new BarcodeDetector({ formats: ["qr_code"] });
    return async (image) => (await native.detect(image)).map((code) => code.rawValue);
  }
  const { readBarcodes, prepareZXingModule } = await import(part.dataset.reader);
  await prepareZXingModule({ overrides: { locateFile: () => part.dataset.wasm }, fireImmediately: true });
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });
  return async (image) => {
    const wide = image.videoWidth || image.width, high = image.videoHeight || image.height;
    if (!wide) return [];
    const scale = Math.min(1, 1600 / Math.max(wide, high));
    canvas.width = wide * scale; canvas.height = high * scale;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    return (await readBarcodes(pixels, { formats: ["QRCode"], tryHarder: true })).map((code) => code.text);
  };
}

// `go` opens what was found: the certificate's page, unless another page wants it itself (the survival kit's).
export function prepare(part, go = (token, payload) => location.assign(`/v/${token}${payload}`)) {
  const [start, stop] = [part.querySelector("[data-start]"), part.querySelector("[data-stop]")];
  const viewer = part.querySelector(".viewer"), video = part.querySelector("video"), said = part.querySelector("[data-said]");
  let reading, stream;
  part.hidden = false;
  const detect = () => reading ??= detector(part);

  // True once a certificate of this site was found and is being opened.
  function open(texts) {
    for (const text of texts) {
      const found = OURS.exec(text.trim());
      if (!found) continue;
      // The domain drawn in the code is what a phone would open: it must be this site's own.
      const home = document.querySelector(".domain").textContent.toLowerCase();
      if (found[2].toLowerCase() !== home && found[2].toLowerCase() !== location.host) break;
      // A code of ours never leads over a connection that others can read and change, but where the site itself does.
      if (found[1].toLowerCase() !== "https" && location.protocol === "https:") break;
      close();
      go(found[3].toLowerCase(), found[4] ?? "");
      return true;
    }
    if (texts.length) said.textContent = said.dataset.foreign;
    return false;
  }

  function close() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = undefined;
    viewer.hidden = stop.hidden = true;
    start.hidden = false;
  }

  async function look() {
    if (!stream) return;
    const texts = video.readyState >= 2 ? await (await detect())(video).catch(() => []) : [];
    if (!open(texts)) setTimeout(look, 150);
  }

  start.addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
    } catch {
      said.textContent = said.dataset.denied;
      return;
    }
    video.srcObject = stream;
    viewer.hidden = stop.hidden = false;
    start.hidden = true;
    said.textContent = said.dataset.looking;
    await video.play();
    look();
  });
  stop.addEventListener("click", () => { close(); said.textContent = ""; });
  addEventListener("pagehide", close);
  part.querySelector("input[type=file]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    said.textContent = said.dataset.looking;
    try {
      const image = await createImageBitmap(file);
      if (!open(await (await detect())(image)) && said.textContent === said.dataset.looking) said.textContent = said.dataset.none;
    } catch {
      said.textContent = said.dataset.none;
    }
  });
}
