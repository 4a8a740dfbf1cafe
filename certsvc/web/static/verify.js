// The ways to check, with a script: one box for whatever was brought, and the camera. The box works without one too. The
// reader of codes is loaded when first used, and kept by the worker for a time without a network.
import { prepare as takeAnything } from "./box.js";
import { prepare as takePicturesOf } from "./scan.js";

const ways = document.querySelector(".ways"), addresses = { reader: ways.dataset.reader, wasm: ways.dataset.wasm };

takeAnything(document.querySelector("[data-box]"), addresses);
const scan = document.querySelector("[data-scan]");
Object.assign(scan.dataset, addresses);
takePicturesOf(scan);

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.addEventListener("message", (event) => {
    if (event.data === "reader-kept") document.querySelector("[data-kept]").hidden = false;
  });
  navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready).then((registration) => {
    // Less than half a megabyte; not for one who asked to save data.
    if (!navigator.connection?.saveData) registration.active.postMessage("keep-reader");
  }).catch(() => {});
}
