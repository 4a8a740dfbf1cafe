// Buttons that a page without a script does without: they copy a share link, or hand it to another app.
const textOf = (id) => document.getElementById(id).textContent.trim();

const offer = (selector, able, act) => {
  if (!able) return;
  for (const button of document.querySelectorAll(selector)) {
    button.hidden = false;
    button.addEventListener("click", () => act(button));
  }
};

offer("[data-copy]", navigator.clipboard, async (button) => {
  await navigator.clipboard.writeText(textOf(button.dataset.copy));
  button.textContent = button.dataset.done;
});
offer("[data-share]", navigator.share, async (button) => {
  try {
    await navigator.share({ title: button.dataset.title, url: textOf(button.dataset.share) });
  } catch (error) {
    if (error.name !== "AbortError") throw error; // the holder thought better of it
  }
});
