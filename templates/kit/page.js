// The survival kit's page: from a scan, a pasted address or a file to R11's offline answer ("signature genuine; status as
// of …"). Words stand in index.html; signatures and files are credential.js, the QR's message qr.js. Nothing is sent out.
import { distrusted, inflate, kept, readCredential, same, statusOf, trustOf } from "./credential.js";
import { check, differences } from "./qr.js";
import { prepare } from "./scan.js";

const CODE = /^(?:https?:\/\/([^/]+)\/v\/)?([a-z2-7]{26})(?:#([a-z2-7]{0,220}))?$/i;
const LARGEST_FILE = 10 * 2 ** 20, MOST_STREAMS = 400;
const STATUS = { valid: "正常 in force", suspended: "暂停使用 suspended", revoked: "已撤销 revoked", superseded: "已被更新的版本替代 replaced" };
const answer = document.getElementById("answer");
const part = (id) => document.getElementById(id).content.cloneNode(true);
const local = (moment) => moment.toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" }).slice(0, 16);

// A verdict in the making. `say` notes what was checked: ok true, false, or null where it could not be.
class Answer {
  checks = [];
  record = null;
  status = null;
  say(ok, zh, en) { this.checks.push({ ok, zh, en }); }
  end(state, facts = {}) { return Object.assign(this, { state, facts }); }
}

async function examine(trust, { host, token, payload, credential, about }) {
  const found = new Answer();
  for (const one of about ?? []) found.say(...one);
  if (host && host !== trust.host.toLowerCase() && host !== location.host) {
    found.say(false, `网址属于 ${host}，不是发证机构`, `the address is of ${host}, not of the issuer`);
    return found.end("forged");
  }
  let code = null;
  if (payload) {
    code = await check(payload, trust.codes);
    if (!code.ok && code.why === "unsupported") throw new DOMException("Ed25519", "NotSupportedError");
    found.say(code.ok, code.ok ? "二维码的签名真实" : "二维码的签名不符", code.ok ? "the QR's signature is genuine" : `the QR's signature does not hold (${code.why})`);
    if (!code.ok) return found.end("forged");
  }
  else if (!credential && !about) found.say(null, "没有给出二维码中的签名", "the QR's own signature was not given");
  const opened = await kept("credentials", token);
  if (!opened) {
    found.say(null, "存档中没有该证书", "this archive does not hold it");
    return found.end("unknown");
  }
  const kit = JSON.parse(new TextDecoder().decode(opened));
  const archived = new TextEncoder().encode(kit.credential);
  const read = await readCredential(archived, trust);
  if (read.fault === "distrusted" || code && distrusted(trust, code.kid)) {
    found.say(null, "签名的密钥后来失窃，须用 certsvc verify 对照公开日志", "signed by a key that was later stolen: use certsvc verify, which reads the log");
    return found.end("unavailable");
  }
  if (read.fault || read.token !== token) {
    found.say(null, "存档中的凭证无法采信", `what the archive holds of it is not to be believed (${read.fault || "token"})`);
    return found.end("unavailable");
  }
  found.say(true, "凭证的签名真实", "the credential's own signature is genuine");
  if (credential) {
    const alike = same(credential, archived);
    found.say(alike, alike ? "文件与签发的凭证逐字节相同" : "文件与签发的凭证不同", alike ? "the file is byte for byte the credential issued" : "the file is not the credential issued");
    if (!alike) return found.end("forged");
  }
  const subject = read.document.credentialSubject, own = read.document["urn:certsvc:certificate"], achievement = subject.achievement;
  if (code) {
    const differ = differences(code.claims, {
      number: subject.licenseNumber, issued_on: own["urn:certsvc:issuedOn"], level: achievement["urn:certsvc:skillLevel"], name: subject.name, digest8: read.digest8,
    });
    const one = !differ.length;
    found.say(one, one ? "二维码与凭证属于同一证书" : "二维码与凭证不属于同一证书", one ? "code and credential are of one certificate" : `code and credential are of two certificates (${differ.join(", ")})`);
    if (!one) return found.end("forged");
  }
  found.record = read.document;
  found.whole = Boolean(code || credential);
  const status = found.status = await statusOf(read.document, trust);
  if (!status) {
    found.say(null, "没有可信的状态列表，状态未知", "no status list to be believed: the status is not known");
    return found.end("offline", { date: own["urn:certsvc:issuedOn"] });
  }
  const late = status.current ? "" : "（此后的变更，存档不知道）";
  // Past its life a list can no longer clear a certificate; what it says against one stays said.
  found.say(status.status !== "valid" ? false : status.current || null, `状态：${STATUS[status.status].split(" ")[0]}，截至 ${local(status.asOf)}${late}`, `status: ${STATUS[status.status].split(" ").slice(1).join(" ")}, by the signed lists`);
  if (status.status !== "valid") return found.end(status.status, { date: local(status.asOf) });
  const until = read.document.validUntil;
  if (until && Date.parse(until) < Date.now()) return found.end("expired", { date: until.slice(0, 10) });
  return found.end("offline", { date: local(status.asOf) });
}

const own = (of, name) => of[`urn:certsvc:${name}`];
const grouped = (number) => /^[A-Z0-9]+$/.test(number) ? number.match(/.{1,4}/g) : [number];

function facts({ record, whole }) {
  const subject = record.credentialSubject, certificate = record["urn:certsvc:certificate"], achievement = subject.achievement;
  // Without the code's own signature anybody could have come by the address alone: R10's mask.
  const name = whole ? subject.name : [...subject.name][0] + "***";
  const rows = [
    ["姓名", "Name", name], ["证书编号", "Number", subject.licenseNumber],
    ["证书", "Certificate", own(certificate, "title"), own(certificate, "titleEn")],
    ["职业", "Occupation", [own(achievement, "occupation"), own(achievement, "direction")].filter(Boolean).join(" · "), own(achievement, "occupationEn")],
    ["等级", "Level", own(achievement, "levelName"), own(achievement, "levelNameEn")],
    ["发证日期", "Issued", own(certificate, "issuedOn")],
    ["有效期至", "Valid until", record.validUntil?.slice(0, 10) ?? "长期", record.validUntil ? "" : "no end"],
    ["发证机构", "Issuer", record.issuer.name, own(record.issuer, "nameEn")],
    ["版本", "Version", String(own(certificate, "certificateVersion"))],
  ];
  const shown = part("facts"), list = shown.querySelector("dl");
  for (const [zh, en, value, beside] of rows) {
    const row = document.createElement("div"), term = document.createElement("dt"), said = document.createElement("dd");
    const small = Object.assign(document.createElement("small"), { textContent: en, lang: "en" });
    term.append(zh, small);
    said.dataset.f = en.toLowerCase().replaceAll(" ", "_");
    if (en === "Number") {
      said.className = "number";
      for (const piece of grouped(value)) said.append(Object.assign(document.createElement("span"), { textContent: piece }));
    } else said.textContent = value;
    if (beside) said.append(Object.assign(document.createElement("small"), { textContent: beside, lang: "en" }));
    row.append(term, said);
    list.append(row);
  }
  return shown;
}

function show(found) {
  const shown = part(`state-${found.state}`);
  for (const line of shown.querySelectorAll("[data-fill]")) {
    const [before, ...after] = line.textContent.split("{date}");
    // Broken between date and time if need be, never within.
    const date = (found.facts.date ?? "—").split(" ").flatMap((textContent) => [Object.assign(document.createElement("time"), { textContent }), " "]);
    line.replaceChildren(before, ...after.flatMap((text) => [...date.slice(0, -1), text]));
  }
  const line = shown.querySelector("[data-status]");
  line.textContent = found.status ? `状态 Status: ${STATUS[found.status.status]}` : "";
  shown.querySelector("[data-now]").textContent = local(new Date());
  const place = shown.querySelector("[data-facts]");
  if (found.record) place.replaceWith(facts(found)); else place.remove();
  const list = shown.querySelector("[data-checks]");
  for (const one of found.checks) {
    const item = document.createElement("li"), said = document.createElement("span");
    item.className = one.ok ? "ok" : one.ok === false ? "bad" : "";
    said.append(one.zh, Object.assign(document.createElement("span"), { textContent: one.en, lang: "en" }));
    item.append(part(one.ok ? "mark-tick" : one.ok === false ? "mark-cross" : "mark-dash"), said);
    list.append(item);
  }
  const sample = found.record && own(found.record["urn:certsvc:certificate"], "sample");
  answer.replaceChildren(...(sample ? [part("sample")] : []), shown);
  document.title = answer.querySelector("h1").textContent;
  scrollTo(0, 0);
}

function read(text) {
  const found = CODE.exec(text.replace(/\s+/g, ""));
  return found && { host: found[1]?.toLowerCase() ?? "", token: found[2].toLowerCase(), payload: found[3] ?? "" };
}

// Addresses of certificates that a PDF speaks of: its attachments are deflated streams.
async function tokensIn(pdf) {
  const text = new TextDecoder("latin1").decode(pdf), found = new Set();
  const note = (page) => { for (const match of page.matchAll(/\/v\/([a-z2-7]{26})(?![a-z2-7])/gi)) found.add(match[1].toLowerCase()); };
  note(text);
  let count = 0;
  for (const match of text.matchAll(/stream\r?\n/g)) {
    if (++count > MOST_STREAMS || found.size > 8) break;
    const from = match.index + match[0].length, to = text.indexOf("endstream", from);
    if (to < 0 || (pdf[from] & 15) !== 8) continue;
    note(new TextDecoder("latin1").decode((await inflate(pdf.slice(from, to), "deflate", 2 ** 20)).bytes));
  }
  return [...found].slice(0, 8);
}

async function examineFile(trust, file) {
  const bytes = new Uint8Array(await file.slice(0, LARGEST_FILE + 1).arrayBuffer());
  const none = (zh, en) => { const found = new Answer(); found.say(null, zh, en); return found.end("unknown"); };
  if (bytes.length > LARGEST_FILE) return none("文件过大", "the file is too large");
  if (String.fromCharCode(...bytes.slice(0, 5)) !== "%PDF-") {
    let token;
    try { token = JSON.parse(new TextDecoder().decode(bytes)).id?.split("/v/")[1]; } catch { /* not JSON */ }
    if (!/^[a-z2-7]{26}$/.test(token)) return none("不是证书文件", "not a certificate's file");
    return examine(trust, { token, credential: bytes });
  }
  for (const token of await tokensIn(bytes)) {
    const original = await kept("pdf", token);
    if (!original) continue;
    const about = [[true, "PDF 与存档的原件逐字节相同", "the PDF is byte for byte the original kept here"]];
    if (same(bytes, original)) return examine(trust, { token, credential: null, about }).then((found) => Object.assign(found, { whole: true }));
    const found = new Answer();
    if (original.length < bytes.length && same(bytes.slice(0, original.length), original)) {
      // A later revision may be an archive time stamp or an overlay: only the seal can tell.
      found.say(null, "原件之后又加了内容，请用 certsvc verify --offline 查验", "something follows the original: check it with certsvc verify --offline");
      return found.end("unavailable");
    }
    if (bytes.length < original.length && same(original.slice(0, bytes.length), bytes)) {
      found.say(null, "文件只是原件的前一部分，请用 certsvc verify --offline 查验", "only a beginning of the original: check it with certsvc verify --offline");
      return found.end("unavailable");
    }
    found.say(false, "PDF 与存档的原件不同", "the PDF is not the original kept here");
    return found.end("forged");
  }
  return none("存档中没有这份 PDF", "the archive holds no such PDF");
}

async function run(work) {
  try {
    show(await work);
  } catch (error) {
    // A browser without Ed25519, or a folder that cannot be read: it says nothing about the certificate (R10).
    const found = new Answer();
    const lacking = error.name === "NotSupportedError";
    found.say(null, lacking ? "此浏览器不能验证 Ed25519 签名，请更新浏览器" : "存档文件读不到或已损坏", lacking ? "this browser cannot verify Ed25519" : `the archive's files cannot be read (${error.message})`);
    show(found.end("unavailable"));
  }
}

function start(trust) {
  document.querySelector(".domain").textContent = trust.host;
  document.getElementById("unable").remove();
  document.getElementById("ways").hidden = false;
  // Shown at an address of its own, so that it can be opened again and sent on; the fragment never reaches a server.
  const go = (token, payload) => { location.hash = `${token}${payload}`; };
  const look = () => {
    const fragment = decodeURIComponent(location.hash.slice(1)).trim();
    const path = /\/v\/([a-z2-7]{26})\/?$/i.exec(location.pathname), asked = read(fragment);
    if (asked) run(examine(trust, asked));
    else if (path) run(examine(trust, { token: path[1].toLowerCase(), payload: /^[a-z2-7]{60,220}$/i.test(fragment) ? fragment : "" }));
    else if (fragment && fragment !== "main") { const found = new Answer(); found.say(null, "不是证书二维码的内容", "not what a certificate's code says"); show(found.end("unknown")); }
  };
  addEventListener("hashchange", look);
  document.getElementById("paste").addEventListener("submit", (event) => {
    event.preventDefault();
    const hash = "#" + document.getElementById("p-text").value.replace(/\s+/g, "");
    if (location.hash === hash) look(); else location.hash = hash;
  });
  document.getElementById("f-file").addEventListener("change", (event) => { if (event.target.files[0]) run(examineFile(trust, event.target.files[0])); });
  const scan = document.querySelector("[data-scan]");
  // Names beside this module become addresses, wherever the folder is served.
  for (const name of ["reader", "wasm"]) scan.dataset[name] = new URL(scan.dataset[name], import.meta.url).href;
  prepare(scan, go);
  look();
}

if (globalThis.crypto?.subtle) {
  trustOf().then(start, () => run(Promise.reject(new Error("trust.json"))));
}
