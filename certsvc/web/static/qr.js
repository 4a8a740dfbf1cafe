// What a QR says, checked in the browser: base32 → COSE_Sign1 → Ed25519 against pinned keys (formats.md, "The QR").
// One encoding only, as the issuer writes it; anything else is refused. Nothing here asks the network.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export class Malformed extends Error {}

const refuse = (why) => { throw new Malformed(why); };

export function base32(text) {
  const out = [];
  let bits = 0, held = 0;
  for (const c of text.toUpperCase()) {
    const value = ALPHABET.indexOf(c);
    if (value < 0) refuse("base32");
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) { bits -= 8; out.push((held >> bits) & 255); }
  }
  if (bits >= 5 || held & ((1 << bits) - 1)) refuse("base32");
  return new Uint8Array(out);
}

// RFC 8949, as far as the payload needs: definite lengths, shortest heads. Numbers above 2^53 come as BigInt.
function cbor(bytes) {
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const take = (n) => { if (at + n > bytes.length) refuse("cbor"); at += n; return at - n; };
  const item = (depth) => {
    if (depth > 5) refuse("cbor");
    const head = bytes[take(1)], kind = head >> 5, small = head & 31;
    let n = small;
    if (small === 24) { n = bytes[take(1)]; if (n < 24) refuse("cbor"); }
    else if (small === 25) { n = view.getUint16(take(2)); if (n < 256) refuse("cbor"); }
    else if (small === 26) { n = view.getUint32(take(4)); if (n < 65536) refuse("cbor"); }
    else if (small === 27) { n = view.getBigUint64(take(8)); if (n < 4294967296n) refuse("cbor"); }
    else if (small > 27) refuse("cbor");
    if (kind === 0) return n;
    if (kind === 1) return typeof n === "bigint" ? -1n - n : -1 - n;
    if (typeof n === "bigint") refuse("cbor");
    if (kind === 2) { const from = take(n); return bytes.slice(from, at); }
    if (kind === 3) { const from = take(n); return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice(from, at)); }
    if (kind === 4) { const list = []; for (let i = 0; i < n; i++) list.push(item(depth + 1)); return list; }
    if (kind === 5) { if (n) refuse("cbor"); return {}; }
    if (kind === 6) return { tag: n, value: item(depth + 1) };
    return refuse("cbor");
  };
  const value = item(0);
  if (at !== bytes.length) refuse("cbor");
  return value;
}

const head = (kind, n) => n < 24 ? [(kind << 5) | n] : [(kind << 5) | 24, n];
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const unhex = (text) => new Uint8Array(text.match(/../g).map((pair) => parseInt(pair, 16)));

function number(packed) {
  if (packed instanceof Uint8Array) {
    if (packed.length !== 9) refuse("number");
    const value = BigInt("0x" + hex(packed)), series = value / 10n ** 21n;
    if (series > 1n) refuse("number");
    return "SY"[Number(series)] + String(value % 10n ** 21n).padStart(21, "0");
  }
  if (typeof packed === "string") return /^[A-Z0-9][A-Z0-9-]{0,21}$/.test(packed) ? packed : refuse("number");
  const text = String(packed);
  return text.length <= 16 && packed >= 0 ? text.padStart(16, "0") : refuse("number");
}

function claims(payload) {
  const value = cbor(payload);
  if (!Array.isArray(value) || value.length !== 6) refuse("payload");
  const [kind, named, packed, days, level, digest] = value;
  const [name, nameDigest] = Array.isArray(named) ? named : [named, null];
  if ((kind !== 1 && kind !== 2) || typeof name !== "string" || !Number.isInteger(days) || !Number.isInteger(level)
      || level < 1 || level > 8 || !(digest instanceof Uint8Array) || digest.length !== 8) refuse("payload");
  return {
    sample: kind === 2, name, whole: nameDigest === null, number: number(packed), level, digest8: hex(digest),
    issued_on: new Date(days * 86400000).toISOString().slice(0, 10),
  };
}

// Whether this key signed the message; throws where the browser knows no Ed25519.
export async function ed25519(key, signature, message) {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

// {ok, claims} or {ok: false, why}; why "unsupported" is the browser's lack, not the code's fault.
export async function check(fragment, keys) {
  let protectedHeader, payload, signature, kid;
  try {
    const message = base32(fragment);
    if (message.length > 130) refuse("length");
    const outer = cbor(message);
    if (outer.tag !== 18 || !Array.isArray(outer.value) || outer.value.length !== 4) refuse("cose");
    let unprotectedHeader;
    [protectedHeader, unprotectedHeader, payload, signature] = outer.value;
    if (!(protectedHeader instanceof Uint8Array) || !(payload instanceof Uint8Array) || !(signature instanceof Uint8Array)
        || unprotectedHeader.constructor !== Object || Object.keys(unprotectedHeader).length || signature.length !== 64) refuse("cose");
    kid = protectedHeader.slice(-4);
    // {1: -8, 4: kid}: EdDSA and the key, nothing else.
    if (!same([...protectedHeader], [0xa2, 1, 0x27, 4, 0x44, ...kid])) refuse("header");
  } catch (error) {
    if (error instanceof Malformed || error instanceof TypeError || error instanceof RangeError) return { ok: false, why: "malformed" };
    throw error;
  }
  const key = keys.keys[hex(kid)];
  if (!key) return { ok: false, why: "key" };
  // RFC 9052 4.4: Sig_structure = ["Signature1", protected, external (empty), payload].
  const signed = new Uint8Array([0x84, ...head(3, 10), ...new TextEncoder().encode("Signature1"),
    ...head(2, protectedHeader.length), ...protectedHeader, 0x40, ...head(2, payload.length), ...payload]);
  let genuine;
  try {
    genuine = await ed25519(unhex(key), signature, signed);
  } catch {
    return { ok: false, why: "unsupported" };
  }
  if (!genuine) return { ok: false, why: "signature" };
  try { return { ok: true, kid: hex(kid), claims: claims(payload) }; } catch { return { ok: false, why: "malformed" }; }
}

// Where what was scanned and what the server answers are not about the same certificate: the names of what differs.
export function differences(scanned, served) {
  const differ = [];
  if (scanned.number !== served.number) differ.push("number");
  if (scanned.issued_on !== served.issued_on) differ.push("issued_on");
  if (scanned.level !== served.level) differ.push("level");
  if (scanned.name && served.name && [...scanned.name][0] !== [...served.name][0]) differ.push("name");
  if (served.digest8 && served.digest8 !== scanned.digest8) differ.push("content");
  return differ;
}
