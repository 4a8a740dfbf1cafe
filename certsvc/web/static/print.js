// The print button of any page: one without a script does without it, since the browser prints by itself.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
