// The camera in the page, and a picture where a page has a field for one: what is read opens the certificate's page.
// Reading is reader.js; a picture never leaves the device. A code of another site is named as such and not opened.
import { certificateIn, Missing, readFrame, readPicture, Unopened } from "./reader.js";

const HINT_MS = 15000;

// Whether a certificate's code leads to this site; the domain drawn in it is what a phone would open.
// A code of ours never leads over a connection that others can read and change, but where the site itself does.
export function isOurs(code) {
  const home = document.querySelector(".domain").textContent.toLowerCase();
  return (code.host === home || code.host === location.host) && (code.secure || location.protocol !== "https:");
}

// What is wrong with codes none of which is ours, in the words of `said`: where a strange one leads, at most.
export function foreign(said, texts) {
  const code = texts.map(certificateIn).find(Boolean);
  let host = code?.host ?? "";
  try { host ||= new URL(texts[0]).host; } catch { /* no address at all */ }
  return host ? `${said.dataset.foreign} (${host.slice(0, 80)})` : said.dataset.foreign;
}

// `go` opens what was found: the certificate's page, unless another page wants it itself (the survival kit's).
export function prepare(part, go = (token, payload) => location.assign(`/v/${token}${payload}`)) {
  const [start, stop] = [part.querySelector("[data-start]"), part.querySelector("[data-stop]")];
  const viewer = part.querySelector(".viewer"), video = part.querySelector("video"), said = part.querySelector("[data-said]");
  const addresses = { reader: part.dataset.reader, wasm: part.dataset.wasm };
  let stream, hintAt;
  part.hidden = false;

  // True once a certificate of this site was found and is being opened.
  function open(texts) {
    const code = texts.map(certificateIn).find((each) => each && isOurs(each));
    if (code) {
      close();
      go(code.token, code.payload);
      return true;
    }
    if (texts.length) said.textContent = foreign(said, texts);
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
    let texts = [];
    try {
      if (video.readyState >= 2) texts = await readFrame(video, addresses);
    } catch (error) {
      if (error instanceof Missing) {
        close();
        said.textContent = said.dataset.missing;
        return;
      }
    }
    if (!stream || open(texts)) return;
    if (Date.now() > hintAt && !texts.length) said.textContent = said.dataset.hint;
    setTimeout(look, 150);
  }

  start.addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } } });
    } catch {
      said.textContent = said.dataset.denied;
      return;
    }
    video.srcObject = stream;
    viewer.hidden = stop.hidden = false;
    start.hidden = true;
    said.textContent = said.dataset.looking;
    hintAt = Date.now() + HINT_MS;
    await video.play();
    look();
  });
  stop.addEventListener("click", () => { close(); said.textContent = ""; });
  addEventListener("pagehide", close);
  part.querySelector("input[type=file]")?.addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    said.textContent = said.dataset.looking;
    try {
      const texts = await readPicture(file, addresses);
      if (!open(texts) && !texts.length) said.textContent = said.dataset.none;
    } catch (error) {
      said.textContent = error instanceof Unopened ? said.dataset.unopened : error instanceof Missing ? said.dataset.missing : said.dataset.none;
    }
  });
}
