// The other ways to check, with a script: camera and picture, dropping files, a list with progress. Each works without
// it too, but for the camera. The heavy parts are loaded when first used.
for (const form of document.querySelectorAll("[data-drop]")) {
  const input = form.querySelector("input[type=file]"), said = form.querySelector("[data-said]");
  for (const name of ["dragenter", "dragover"]) form.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
  form.addEventListener("submit", () => { said.textContent = said.dataset.busy; });
}
// A file let fall beside the field must not replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

const scan = document.querySelector("[data-scan]");
if (scan) { const { prepare } = await import(scan.dataset.module); prepare(scan); }

for (const form of document.querySelectorAll("[data-list]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { run } = await import(form.dataset.module);
    await run(form);
  });
}
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});
