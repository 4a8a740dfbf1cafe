// The scoring sheet. An entry is kept on the device, sealed with a key that this account alone is given, before it is sent,
// and until the register has answered it: a lost connection loses nothing, and an entry's id makes it one however often it
// is sent. Without this file each entry is a plain form.
const PREFIX = "certsvc-sheet/";
const EVERY_MS = 15_000;
const PATIENCE_MS = 20_000;

// The list of sittings says which of them this device still has entries of.
for (const note of document.querySelectorAll("[data-unsent]"))
  note.hidden = !Object.keys(localStorage).some((name) => name.startsWith(`${PREFIX}${note.dataset.unsent}/`));

const sheet = document.querySelector("[data-sheet]");
if (sheet && window.crypto?.subtle) await start();

async function start() {
  const words = JSON.parse(sheet.dataset.words);
  const octets = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const seal = octets(sheet.dataset.seal);
  const key = await crypto.subtle.importKey("raw", seal, "AES-GCM", false, ["encrypt", "decrypt"]);
  const tag = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", seal))).slice(0, 16);
  const sitting = `${PREFIX}${sheet.dataset.sheet}/`;
  const mine = `${sitting}${tag}/`;
  const line = sheet.querySelector("[data-line]");
  const panel = sheet.querySelector("[data-kept]");
  const forms = new Map([...sheet.querySelectorAll("form[data-entry]")].map((form) => [form.dataset.entry, form]));
  const kept = new Map(); // by id: {id, place, fields, sequence, at, tried, refused, unstored}
  const place = (fields) => `${fields.ticket} ${fields.kind}`;
  const newId = () => hex(crypto.getRandomValues(new Uint8Array(16)));

  async function keep(entry) {
    kept.set(entry.id, entry);
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const name = new TextEncoder().encode(mine + entry.id);
    const text = new TextEncoder().encode(JSON.stringify(entry));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: name }, key, text);
    if (!kept.has(entry.id)) return; // answered meanwhile
    try {
      localStorage.setItem(mine + entry.id, hex(nonce) + hex(new Uint8Array(sealed)));
      entry.unstored = false;
    } catch {
      entry.unstored = true;
    }
  }

  function drop(entry) {
    kept.delete(entry.id);
    localStorage.removeItem(mine + entry.id);
  }

  async function load() {
    for (const name of Object.keys(localStorage).filter((one) => one.startsWith(mine))) {
      const sealed = octets(localStorage.getItem(name));
      const about = { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: new TextEncoder().encode(name) };
      try {
        const entry = JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(about, key, sealed.slice(12))));
        kept.set(entry.id, entry);
      } catch {
        // Not whole, or not ours: it stays where it is, and is told of with the others.
      }
    }
  }

  const inOrder = () => [...kept.values()].sort((one, other) => one.at - other.at || one.sequence - other.sequence);
  const at = (where) => inOrder().filter((entry) => entry.place === where);
  const next = () =>
    inOrder().find((entry) => !entry.refused && !at(entry.place).some((other) => other.refused && other.at <= entry.at));

  let sending = false;
  async function send() {
    if (sending) return;
    sending = true;
    try {
      for (let entry = next(); entry && (await delivered(entry)); entry = next());
    } finally {
      sending = false;
      show();
    }
  }

  async function delivered(entry) {
    entry.tried = true;
    await keep(entry);
    let answer, said;
    try {
      const body = new URLSearchParams([["form", sheet.dataset.form], ...Object.entries(entry.fields)]);
      const signal = AbortSignal.timeout(PATIENCE_MS);
      answer = await fetch(sheet.dataset.to, { method: "POST", headers: { Accept: "application/json" }, body, signal });
      said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : null;
    } catch {
      return tell("offline");
    }
    if (answer.status === 401) return tell("signedOut");
    if (!said?.state && (answer.status === 403 || answer.status === 404)) return tell("reopen");
    if (!said?.state) return tell("offline"); // a proxy's or a hall's own page: not an answer of ours
    if (said.state === "refused") {
      entry.refused = said;
      await keep(entry);
    } else drop(entry);
    tell("");
    settled(entry, said);
    return true;
  }

  function tell(word) {
    line.textContent = word ? words[word] : "";
    line.hidden = !word;
    sheet.querySelector("[data-again]").hidden = !["signedOut", "reopen"].includes(word);
    return false;
  }

  function settled(entry, said) {
    const form = forms.get(entry.place);
    if (!form) return;
    form.elements.sequence.value = said.sequence + 1;
    if (said.state === "refused") {
      marked(form, said);
      return;
    }
    if (at(entry.place).length) return; // a later one waits
    counting(form, said);
    if (said.state !== "superseded" && said.counts) onward(form, said.counts.outcome === "scored" && !said.passed);
    if (said.state === "superseded") tellIn(form, words.superseded);
  }

  // On to the on-site retake of one who failed, else to the next who has no entry.
  function onward(form, failed) {
    const seat = form.closest("details.seat");
    const again = seat.querySelector("[data-after]");
    if (again && form.dataset.main !== undefined) again.hidden = !(again.open = failed);
    if (again?.open && form.dataset.main !== undefined) return;
    seat.open = false;
    const lacks = (one) => !one.querySelector("[data-pill=main][data-done]") && !at(one.querySelector("form").dataset.entry).length;
    const following = [...sheet.querySelectorAll("details.seat")].find(lacks);
    if (following) following.open = true;
    (following ?? seat).querySelector("summary").focus();
  }

  // The form as the register has it.
  function counting(form, { counts, passed }) {
    marked(form, null);
    fill(form, counts ? { outcome: counts.outcome, score: counts.score ?? "", ...named(counts.items) } : {});
    pill(form, counts, passed);
    form.querySelector("[name=withdraw]").hidden = !counts;
  }

  const named = (items) => Object.fromEntries(Object.entries(items).map(([code, score]) => [`item-${code}`, score]));

  function fill(form, fields) {
    for (const field of form.elements) {
      if (field.type === "radio") field.checked = fields.outcome === field.value;
      else if (field.type === "text") field.value = fields[field.name] ?? "";
    }
    reckon(form);
  }

  function pillOf(form) {
    const kind = form.dataset.main !== undefined ? "main" : "again";
    return form.closest("details.seat").querySelector(`[data-pill=${kind}]`);
  }

  function pill(form, counts, passed) {
    const shown = pillOf(form);
    const scored = counts?.outcome === "scored";
    shown.className = `state ${!counts ? "w-none" : !scored ? "s-superseded" : passed ? "s-valid" : "s-revoked"}`;
    shown.textContent = !counts ? words.none : scored ? `${counts.total} ${passed ? words.passed : words.failed}` : words[counts.outcome];
    shown.hidden = !counts && form.dataset.main === undefined;
    shown.toggleAttribute("data-done", Boolean(counts));
    document.querySelector("[data-count]").textContent = sheet.querySelectorAll("[data-pill=main][data-done]").length;
  }

  function marked(form, refused) {
    tellIn(form, refused?.said ?? "");
    for (const field of form.querySelectorAll("input[type=text]"))
      field.toggleAttribute("aria-invalid", false);
    const wrong = refused?.where && form.querySelector(`[name="item-${CSS.escape(refused.where)}"],[name="${CSS.escape(refused.where)}"]`);
    wrong?.setAttribute("aria-invalid", "true");
  }

  function tellIn(form, text) {
    const said = form.querySelector("[data-said]");
    said.textContent = text;
    said.hidden = !text;
  }

  // What is still on the device, each with what became of it; what was refused goes when the assessor says so.
  function show() {
    const entries = inOrder();
    const others = Object.keys(localStorage).filter((name) => name.startsWith(sitting) && !kept.has(name.slice(mine.length))).length;
    const list = panel.querySelector("ul");
    list.replaceChildren(...entries.map(told));
    const said = panel.querySelector("[data-others]");
    said.textContent = words.others.replace("{n}", others);
    said.hidden = !others;
    panel.hidden = !entries.length && !others;
    panel.querySelector("[data-unstored]").hidden = !entries.some((entry) => entry.unstored);
    for (const entry of entries) {
      const form = forms.get(entry.place);
      if (!form) continue;
      const shown = pillOf(form);
      shown.hidden = false;
      shown.className = `state ${entry.refused ? "s-revoked" : "s-offline"}`;
      shown.textContent = entry.refused ? words.refused : words.waiting;
    }
  }

  function told(entry) {
    const row = document.createElement("li");
    const form = forms.get(entry.place);
    const marks = Object.entries("withdraw" in entry.fields ? {} : entry.fields);
    const scores = marks.filter(([name, value]) => value && (name === "score" || name.startsWith("item-"))).map(([name, value]) => `${words.items[name.replace("item-", "")] ?? ""} ${value}`);
    const outcome = "withdraw" in entry.fields ? words.withdrawn : words[entry.fields.outcome] ?? "";
    const name = document.createElement("b");
    name.textContent = `${entry.fields.ticket} ${words[entry.fields.kind]}`;
    row.append(name, ` ${outcome} ${scores.join(" ")} `);
    const what = document.createElement("small");
    what.textContent = entry.refused ? entry.refused.said : words.waiting;
    row.append(what);
    if (entry.refused) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain";
      button.textContent = words.discard;
      button.addEventListener("click", () => {
        drop(entry);
        if (form && !at(entry.place).length) counting(form, entry.refused);
        show();
      });
      row.append(button);
    }
    return row;
  }

  async function submitted(event) {
    event.preventDefault();
    const form = event.target;
    const fields = Object.fromEntries([...new FormData(form, event.submitter)].filter(([name]) => name !== "form"));
    const same = (entry) => Object.keys({ ...fields, ...entry.fields }).every((name) => ["id", "sequence"].includes(name) || fields[name] === entry.fields[name]);
    const before = at(place(fields));
    if (before.some((entry) => !entry.refused && same(entry))) return; // a second click
    for (const entry of before) if (entry.refused || !entry.tried) drop(entry);
    const last = at(place(fields)).at(-1);
    const sequence = last ? last.sequence + 1 : Number(fields.sequence);
    const entry = { id: newId(), place: place(fields), sequence, at: Date.now(), tried: false, refused: null };
    entry.fields = { ...fields, id: entry.id, sequence: String(sequence) };
    await keep(entry);
    marked(form, null);
    show();
    await send();
    if (kept.has(entry.id) && !entry.refused && !("withdraw" in fields))
      onward(form, fields.outcome === "scored" && form.querySelector("[data-whole]").textContent === words.failed);
  }

  // The running total, exact: hundredths times the block's weight in ten-thousandths.
  function reckon(form) {
    const scored = form.querySelector("[name=outcome][value=scored]")?.checked;
    let total = 0, whole = true;
    for (const field of form.querySelectorAll("input[data-max]")) {
      field.disabled = scored === false && form.querySelector("[name=outcome]:checked") !== null;
      field.required = Boolean(scored);
      const right = /^\d{1,3}(\.\d{1,2})?$/.test(field.value);
      const above = right && Number(field.value) > Number(field.dataset.max);
      field.setCustomValidity(above ? words.above.replace("{max}", field.dataset.max) : "");
      if (!right || above) whole = false;
      else total += Math.round(Number(field.value) * 100) * Math.round(Number(field.dataset.weight) * 10_000);
    }
    const shown = form.querySelector("[data-total]");
    if (!shown) return;
    const pass = whole && total >= Number(form.dataset.pass) * 1_000_000;
    shown.textContent = String(Math.round(total / 100) / 10_000);
    form.querySelector("[data-whole]").textContent = whole ? (pass ? words.passed : words.failed) : words.partly;
  }

  for (const form of forms.values()) {
    form.addEventListener("submit", submitted);
    form.addEventListener("input", (event) => {
      // A score that is typed says that there is one.
      if (event.target.dataset.max && !form.querySelector("[name=outcome]:checked")) form.querySelector("[name=outcome]").checked = true;
      reckon(form);
    });
    reckon(form);
  }
  await load();
  for (const entry of inOrder()) {
    const form = forms.get(entry.place);
    if (!form) continue;
    if (!("withdraw" in entry.fields)) fill(form, entry.fields);
    if (entry.refused) marked(form, entry.refused);
  }
  sheet.dataset.ready = "";
  show();
  send();
  window.addEventListener("online", send);
  document.addEventListener("visibilitychange", () => document.hidden || send());
  window.addEventListener("beforeunload", (event) => [...kept.values()].some((entry) => entry.unstored) && event.preventDefault());
  setInterval(() => kept.size && send(), EVERY_MS);
}
