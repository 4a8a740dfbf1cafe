// What the archive says of one certificate, checked in the browser with nothing of the issuer's running: the file sealed
// under the code's token, the credential's own signature, the signed status lists (docs/credential-format.md).
// Not here: the QR's message (qr.js), words and page (page.js). The second proof (eddsa-rdfc-2022), the log's receipts and
// the PDF's seal are for `certsvc verify --offline`; a certificate that would need them is never called genuine here.
import { ed25519, hex } from "./qr.js";

const ROOT = new URL("../", import.meta.url);
const SALT = "certsvc survival kit v1";
const LARGEST = 16 * 2 ** 20, LARGEST_LIST = 2 * 2 ** 20;
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const OPTIONS = ["@context", "created", "cryptosuite", "proofPurpose", "proofValue", "type", "verificationMethod"];
const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
export const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// RFC 8785. Numbers are integers (format, section 3), so JSON.stringify writes them, and strings, just so.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

// The document of these bytes, only if they are the one way to write it: no member twice, nothing behind it.
function strict(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const value = JSON.parse(text);
  if (canonical(value) !== text || value === null || Array.isArray(value) || typeof value !== "object") throw new SyntaxError("not canonical");
  return value;
}

async function get(path) {
  const answer = await fetch(new URL(path, ROOT), { cache: "no-cache" });
  if (!answer.ok) return null;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return bytes.length <= LARGEST ? bytes : null;
}

export async function trustOf() {
  const bundle = JSON.parse(new TextDecoder().decode(await get("trust.json")));
  const keys = new Map(bundle.keys.map((key) => [key.kid, { ...key, public: fromBase64(key.public) }]));
  const codes = {};
  for (const key of keys.values()) {
    if (key.purpose === "credential" && key.algorithm === "Ed25519" && key.state !== "pending") codes[key.kid] = hex(key.public);
  }
  return { did: bundle.did, host: decodeURIComponent(bundle.did.replace("did:web:", "")), keys, codes: { keys: codes } };
}

export const distrusted = (trust, kid) => trust.keys.get(kid)?.distrusted_from != null;

async function derive(token, purpose) {
  const key = await crypto.subtle.importKey("raw", utf8(token), "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: utf8(SALT), info: utf8(purpose) }, key, 256));
}

// What is kept under this token, opened; null where there is nothing. `kind` is "credentials" or "pdf".
export async function kept(kind, token) {
  const name = hex(await derive(token, `name ${kind}`));
  const sealed = await get(`${kind}/${name.slice(0, 2)}/${name.slice(2)}.bin`);
  if (!sealed) return null;
  const key = await crypto.subtle.importKey("raw", await derive(token, `key ${kind}`), "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: utf8(kind) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(how, key, sealed.slice(12)));
  } catch {
    return null;
  }
}

function base58(text) {
  let value = 0n;
  for (const c of text) {
    const digit = BASE58.indexOf(c);
    if (digit < 0) throw new SyntaxError("base58");
    value = value * 58n + BigInt(digit);
  }
  const digits = value.toString(16), even = digits.length % 2 ? "0" + digits : digits;
  const zeros = text.match(/^1*/)[0].length;
  return new Uint8Array([...Array(zeros).fill(0), ...(even.match(/../g) ?? []).map((pair) => parseInt(pair, 16))]);
}

// Whether the eddsa-jcs-2022 proof is of a pinned key of this purpose and holds: "" or why not.
async function fault(document, proof, trust, purpose) {
  if (Object.keys(proof).sort().join() !== OPTIONS.join() || proof.type !== "DataIntegrityProof" || proof.cryptosuite !== "eddsa-jcs-2022"
      || proof.proofPurpose !== "assertionMethod" || canonical(proof["@context"]) !== canonical(document["@context"])) return "proof";
  const [did, kid, more] = proof.verificationMethod.split("#"), key = trust.keys.get(kid);
  if (did !== trust.did || more !== undefined || key?.purpose !== purpose || key.algorithm !== "Ed25519" || key.state === "pending") return "key";
  if (key.retired_at && key.distrusted_from == null && Date.parse(proof.created) > Date.parse(key.retired_at)) return "key";
  const { proof: _, ...unsigned } = document, { proofValue, ...options } = proof;
  if (!/^z[1-9A-HJ-NP-Za-km-z]{80,90}$/.test(proofValue)) return "proof";
  const signature = base58(proofValue.slice(1));
  const message = new Uint8Array([...await sha256(utf8(canonical(options))), ...await sha256(utf8(canonical(unsigned)))]);
  if (signature.length !== 64 || !await ed25519(key.public, signature, message)) return "signature";
  // Only the log says whether a stolen key signed this before or after: not to be told from these files by this page.
  return key.distrusted_from == null ? "" : "distrusted";
}

// {document, digest8, token, fault}: fault "" for a credential whose signature holds.
export async function readCredential(bytes, trust) {
  let document;
  try {
    document = strict(bytes);
    const [jcs, rdfc, more] = document.proof;
    const token = document.id.split("/v/")[1], { proof: _, ...unsigned } = document;
    const digest8 = hex((await sha256(utf8(canonical(unsigned)))).slice(0, 8));
    let found = await fault(document, jcs, trust, "credential");
    if (!found && (more || rdfc?.cryptosuite !== "eddsa-rdfc-2022" || rdfc.verificationMethod !== jcs.verificationMethod)) found = "proof";
    if (!found && (document.issuer.id !== trust.did || document.id !== `https://${trust.host}/v/${token}` && document.id !== `http://${trust.host}/v/${token}`)) found = "issuer";
    return { document, digest8, token, fault: found };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return { document: null, digest8: "", token: "", fault: "form" };
    throw error;
  }
}

// Inflates at most `most` bytes; what a damaged stream gave before its fault counts as well.
export async function inflate(bytes, format, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const out = [];
  let size = 0, whole = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) { whole = true; break; }
      size += value.length;
      if (size > most) { reader.cancel().catch(() => {}); break; }
      out.push(value);
    }
  } catch { /* cut or damaged: whole stays false */ }
  return { bytes: new Uint8Array(await new Blob(out).arrayBuffer()), whole };
}

async function bit(entry, trust) {
  // Only the address's last part is used: the folder is this one, whatever the credential says.
  const name = entry.statusListCredential.split("/").pop();
  const bytes = /^[A-Za-z0-9-]{1,60}$/.test(name) ? await get(`status/${name}`) : null;
  if (!bytes) return null;
  const list = strict(bytes), proof = Array.isArray(list.proof) ? list.proof[0] : list.proof, subject = list.credentialSubject;
  if (await fault(list, proof, trust, "status-list") || list.id !== entry.statusListCredential || list.issuer !== trust.did
      || subject.type !== "BitstringStatusList" || subject.statusPurpose !== entry.statusPurpose) return null;
  const packed = fromBase64(subject.encodedList.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
  const bits = await inflate(packed, "gzip", LARGEST_LIST), index = Number(entry.statusListIndex);
  if (!bits.whole || !Number.isSafeInteger(index) || index < 0 || index >= bits.bytes.length * 8) return null;
  return { set: (bits.bytes[index >> 3] & (0x80 >> (index & 7))) !== 0, from: list.validFrom, until: list.validUntil };
}

// {status, asOf, current}, asOf the oldest list's moment; null where no list is to be believed: unknown, never bad (R10).
export async function statusOf(document, trust) {
  const said = {};
  let asOf = null, current = true;
  try {
    for (const entry of document.credentialStatus ?? []) {
      const found = await bit(entry, trust);
      if (!found) return null;
      said[entry.statusPurpose] = found.set;
      if (!asOf || found.from < asOf) asOf = found.from;
      current &&= Date.now() <= Date.parse(found.until);
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof DOMException && error.name === "InvalidCharacterError") return null;
    throw error;
  }
  if (!asOf) return null;
  const status = said.refresh ? "superseded" : said.revocation ? "revoked" : said.suspension ? "suspended" : "valid";
  return { status, asOf: new Date(asOf), current };
}
