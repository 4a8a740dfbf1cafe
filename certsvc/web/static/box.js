// The one box, with a script: what was chosen or let fall is told apart by its first bytes. A picture is read here, on
// this device, and uploaded only when asked for; a list is answered row by row; everything else is uploaded together, and
// its answers stand below. Without a script the form does all of it. Not here: reading a picture (reader.js), the rows of
// a list (list.js), what is found in a file (the server).
import { check, differences } from "./qr.js";
import { certificateIn, Missing, readPicture, Unopened } from "./reader.js";
import { isOurs } from "./scan.js";

const LARGEST = 10 * 2 ** 20;
const TABLE = /\.(csv|tsv|xlsx|xlsm|xls|et)$/i;

const words = document.getElementById("t-words").content;
const word = (name) => words.querySelector(`[data-w="${name}"]`).textContent;

const beginsWith = (bytes, ...starts) => starts.some((start) => [...start].every((c, i) => bytes[i] === c.charCodeAt(0)));

// "picture", "list" or "other", by the bytes; only a text without any mark is told by its name.
async function kindOf(file) {
  const bytes = new Uint8Array(await file.slice(0, 64).arrayBuffer());
  const at = (from, to) => String.fromCharCode(...bytes.slice(from, to));
  if (beginsWith(bytes, "\xff\xd8\xff", "\x89PNG", "GIF8", "BM", "II*\0", "MM\0*")) return "picture";
  if (at(0, 4) === "RIFF" && at(8, 12) === "WEBP") return "picture";
  if (at(4, 8) === "ftyp" && /^(hei|hev|mif1|msf1|avif)/.test(at(8, 12))) return "picture";
  if (TABLE.test(file.name) && !beginsWith(bytes, "%PDF", "{")) return "list";
  return "other";
}

// A section for one thing, to be filled.
class Item {
  constructor(answers, name) {
    const part = document.getElementById("t-item").content.cloneNode(true);
    this.part = part.firstElementChild;
    this.part.querySelector(".also").textContent = name;
    answers.append(this.part);
  }
  get body() { return this.part.querySelector("[data-body]"); }
  say(state, said, ...next) {
    const verdict = this.part.querySelector(".verdict");
    verdict.className = `verdict s-${state}`;
    verdict.dataset.state = state;
    verdict.querySelector("h2").textContent = said;
    this.body.replaceChildren(...next);
  }
}

function paragraph(text, name = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = name;
  return made;
}

function link(code) {
  const made = document.createElement("a");
  made.className = "button";
  made.href = `/v/${code.token}${code.payload}`;
  made.textContent = word("open");
  const row = paragraph("", "row");
  row.append(made);
  return row;
}

const english = !document.documentElement.lang.startsWith("zh");

// What the register says of a code's certificate, with whose it is: {state, says, facts}. Null where that cannot be had, or
// where the code's own signed words are not those of the record: then its page says what is wrong with it.
async function recordOf(code) {
  try {
    const answer = await fetch(`/v/${code.token}`, { headers: { Accept: "application/json" } }), told = await answer.json();
    if (!told.state || !told.says) return null;
    let name = told.certificate?.name ?? "";
    if (code.payload) {
      const keys = await (await fetch("/.well-known/certsvc-keys.json")).json();
      const { ok, claims } = await check(code.payload.slice(1), keys);
      if (!ok || !told.certificate) return null;
      if (differences(claims, { ...told.certificate, digest8: told.certificate.credential_digest8 }).length) return null;
      name = claims.name || name;
    }
    return { state: told.state, says: english ? told.says.en : told.says.zh, facts: `${name} ${told.certificate?.number ?? ""}`.trim() };
  } catch {
    return null;
  }
}

export function prepare(form, addresses) {
  const input = form.querySelector("input[type=file]"), said = form.querySelector("[data-said]");
  const answers = document.querySelector("[data-answers]");
  const say = (name) => { said.textContent = name ? said.dataset[name] : ""; };

  // Uploads files; the server's own sections are the answer. Adds them to `place`, or in its stead.
  async function upload(files, place, instead = null) {
    const body = new FormData();
    for (const file of files) body.append("file", file, file.name);
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const sections = [...page.querySelectorAll(".examined")].map((each) => document.adoptNode(each));
      if (!sections.length) {
        said.textContent = page.querySelector("h1")?.textContent ?? said.dataset.failed;
        return false;
      }
      if (instead) instead.replaceWith(...sections); else place.append(...sections);
      return true;
    } catch {
      said.textContent = navigator.onLine ? said.dataset.failed : said.dataset.offline;
      return false;
    }
  }

  function offer(item, file) {
    if (file.size > LARGEST) return [paragraph(word("large-next"), "quiet")];
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word("upload");
    button.addEventListener("click", async () => {
      button.disabled = true;
      say("busy");
      if (await upload([file], answers, item.part)) say("done"); else button.disabled = false;
    });
    const row = paragraph("", "row");
    row.append(button);
    return [row, paragraph(word("upload-what"), "quiet")];
  }

  // The certificate's code that is to be opened at once, where it is the only thing brought.
  async function picture(file, isAlone) {
    const item = new Item(answers, file.name);
    item.say("unavailable", said.dataset.looking);
    let texts;
    try {
      texts = await readPicture(file, addresses);
    } catch (error) {
      const why = error instanceof Missing ? "missing" : "unopened";
      if (!(error instanceof Missing || error instanceof Unopened)) console.error(error);
      item.say("unknown", word(why), paragraph(word(`${why}-next`)), ...why === "missing" && !navigator.onLine ? [] : offer(item, file));
      return;
    }
    const codes = texts.map(certificateIn).filter(Boolean), ours = codes.filter(isOurs);
    if (ours.length === 1 && isAlone) { location.assign(`/v/${ours[0].token}${ours[0].payload}`); return; }
    if (ours.length) {
      const told = ours.length === 1 ? await recordOf(ours[0]) : null;
      if (told) item.say(told.state, told.says, paragraph(told.facts, "facts"), paragraph(word("found-next")), link(ours[0]));
      else item.say("offline", word("found"), paragraph(word("found-next")), ...ours.map(link));
    }
    else if (texts.length) {
      const to = codes[0]?.host ?? texts[0].slice(0, 80);
      item.say("forged", word("strange"), paragraph(word("strange-to") + to, "also"), paragraph(word("strange-next")));
    }
    else item.say("unknown", word("none"), paragraph(word("none-next")), ...offer(item, file));
  }

  async function list(file) {
    const item = new Item(answers, file.name);
    item.say("unavailable", word("list"), document.getElementById("t-list").content.cloneNode(true));
    const { run } = await import("./list.js");
    await run(file, item.body, form.action);
  }

  async function take(files) {
    answers.replaceChildren();
    const others = [];
    for (const file of files) {
      const kind = await kindOf(file);
      if (kind === "picture") { say("looking"); await picture(file, files.length === 1); }
      else if (file.size > LARGEST && !/\.zip$/i.test(file.name)) new Item(answers, file.name).say("unknown", word("large"), paragraph(word("large-next")));
      else if (kind === "list") { say("busy"); await list(file); }
      else others.push(file);
    }
    said.textContent = "";
    let told = true;
    if (others.length) { say("busy"); told = await upload(others, answers); }
    if (told) say("done");
    if (answers.childElementCount) { answers.focus({ preventScroll: true }); answers.scrollIntoView({ block: "start" }); }
  }

  async function begin(files) {
    if (form.dataset.at) return;
    form.dataset.at = "work";
    const button = form.querySelector("button");
    button.disabled = true;
    try { await take([...files]); } catch { say("failed"); } finally { button.disabled = false; delete form.dataset.at; }
  }

  for (const name of ["dragenter", "dragover"]) addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) addEventListener(name, () => form.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    begin(input.files);
  });
  // A picture out of the clipboard, as a screenshot is.
  addEventListener("paste", (event) => { if (event.clipboardData?.files.length) begin(event.clipboardData.files); });
  form.addEventListener("submit", (event) => { event.preventDefault(); begin(input.files); });
}
