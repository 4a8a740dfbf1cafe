// Passkeys: the page carries what the browser needs, the answer goes back in a field of the form. All else works without.
const octets = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

function request(options) {
  const known = { ...options, challenge: octets(options.challenge) };
  if (options.user) known.user = { ...options.user, id: octets(options.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"])
    if (options[list]) known[list] = options[list].map((one) => ({ ...one, id: octets(one.id) }));
  return known;
}

function answer(credential) {
  const { response } = credential;
  const told = { clientDataJSON: text(response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (response[part]) told[part] = text(response[part]);
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: told });
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  const form = button.form;
  button.hidden = false;
  for (const note of form.querySelectorAll("[data-without]")) note.hidden = true;
  button.addEventListener("click", async () => {
    const options = JSON.parse(button.dataset.passkey);
    const said = form.querySelector("[data-said]");
    try {
      const publicKey = request(options);
      const made = options.user
        ? await navigator.credentials.create({ publicKey })
        : await navigator.credentials.get({ publicKey });
      form.elements[button.dataset.field].value = answer(made);
      for (const field of form.querySelectorAll("[data-instead]")) field.required = false;
      form.requestSubmit();
    } catch {
      if (said) said.hidden = false;
    }
  });
}

// A form that is sent twice has one effect anyway; the second click need not even leave.
for (const form of document.querySelectorAll("form[method=post]"))
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });

// Queues by keyboard: j and k go from row to row, x ticks, Enter opens what has the focus.
const rows = [...document.querySelectorAll(".queue tbody tr")];
let at = -1;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]),textarea,select")) return;
  if (event.key === "j" || event.key === "k") {
    at = Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), rows.length - 1);
    rows[at]?.querySelector("a,input,button")?.focus();
  } else if (event.key === "x" && rows[at]) rows[at].querySelector("input[type=checkbox]")?.click();
});

for (const all of document.querySelectorAll("[data-all]")) {
  all.hidden = false;
  all.addEventListener("click", () => {
    const boxes = [...all.form.querySelectorAll("tbody input[type=checkbox]")];
    const on = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = on;
  });
}
