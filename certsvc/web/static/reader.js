// The codes in a picture or a camera's image, read on this device: by the browser's BarcodeDetector where it reads QR
// codes, and by zxing-wasm, loaded on first use. A picture is looked at in several sizes, upright and turned, as it is and
// cleared of what a screen, a fax or bad light put on it; zxing itself tries dark on light and light on dark, mirrored and
// in quarter turns. Nothing is sent anywhere. Not here: what a code says (qr.js), what is shown (scan.js, box.js).

const LONGEST = 4096, MOST_POINTS = 16e6; // of one canvas, which phones bound
const SIDES = [1600, 2400, LONGEST, 1000, 640];
const SMALL = 1400; // below, enlarging helps
const CERTIFICATE = /^(https?):\/\/([^/?#]+)\/v\/([a-z2-7]{26})(#[a-z2-7]{1,220})?$/i;

// The reader, or a part of it, is not on this device and cannot be had now.
export class Missing extends Error {}
// The browser cannot open this file as a picture.
export class Unopened extends Error {}

// {secure, host, token, payload} of a certificate's code, of whatever issuer; null for any other text.
export function certificateIn(text) {
  const found = CERTIFICATE.exec(text.trim());
  return found && {
    secure: found[1].toLowerCase() === "https", host: found[2].toLowerCase(), token: found[3].toLowerCase(), payload: found[4] ?? "",
  };
}

let native, zxing;

async function nativeDetector() {
  try {
    if (!("BarcodeDetector" in self) || !(await BarcodeDetector.getSupportedFormats()).includes("qr_code")) return null;
    return new BarcodeDetector({ formats: ["qr_code"] });
  } catch {
    return null;
  }
}

// `addresses` are those of zxing's module and of its program.
async function zxingReader({ reader, wasm }) {
  try {
    const { readBarcodes, prepareZXingModule } = await import(reader);
    await prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true });
    return (pixels, more) => readBarcodes(pixels, { formats: ["QRCode"], tryHarder: true, ...more });
  } catch (error) {
    zxing = undefined; // with the network back it may be had
    throw new Missing(String(error));
  }
}

const detectNative = async (image) => {
  const detector = await (native ??= nativeDetector());
  if (!detector) return null;
  try { return (await detector.detect(image)).map((code) => code.rawValue); } catch { native = null; return null; }
};

const canvas = document.createElement("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });

function bounded(width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height), Math.sqrt(MOST_POINTS / (width * height)));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

// The pixels of a picture drawn with its longest side so long, turned by so many degrees, on white.
function drawn(image, wide, high, side, degrees = 0) {
  const [width, height] = bounded(wide * side / Math.max(wide, high), high * side / Math.max(wide, high));
  const turn = degrees * Math.PI / 180, cos = Math.abs(Math.cos(turn)), sin = Math.abs(Math.sin(turn));
  [canvas.width, canvas.height] = bounded(width * cos + height * sin, width * sin + height * cos);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.setTransform(1, 0, 0, 1, canvas.width / 2, canvas.height / 2);
  context.rotate(turn);
  context.drawImage(image, -width / 2, -height / 2, width, height);
  context.setTransform(1, 0, 0, 1, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// Grey, each point the mean of a square around it, then stretched to the whole range but for a few in a hundred: what is
// left of a screen's pattern, a fold's shade or a fax's grain is smoother than the code.
function cleared(pixels, radius) {
  const { width, height, data } = pixels, grey = new Float32Array(width * height), sums = new Float32Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = (306 * data[4 * i] + 601 * data[4 * i + 1] + 117 * data[4 * i + 2]) / 1024;
  if (radius) {
    average(grey, sums, height, width, width, 1, radius);
    average(sums, grey, width, height, 1, width, radius);
  }
  const counts = new Uint32Array(256);
  for (const value of grey) counts[value | 0]++;
  const cut = grey.length * 0.02;
  let low = 0, high = 255;
  for (let seen = counts[0]; seen < cut && low < 255; seen += counts[++low]);
  for (let seen = counts[255]; seen < cut && high > 0; seen += counts[--high]);
  const factor = 255 / Math.max(1, high - low);
  for (let i = 0; i < grey.length; i++) data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = (grey[i] - low) * factor;
  return pixels;
}

function average(from, to, lines, length, line, step, radius) {
  for (let l = 0; l < lines; l++) {
    const start = l * line;
    let sum = 0, count = 0;
    for (let i = 0; i < Math.min(radius, length); i++, count++) sum += from[start + i * step];
    for (let i = 0; i < length; i++) {
      if (i + radius < length) { sum += from[start + (i + radius) * step]; count++; }
      if (i - radius > 0) { sum -= from[start + (i - radius - 1) * step]; count--; }
      to[start + i * step] = sum / count;
    }
  }
}

// One look after another, cheap and likely ones first; each gives pixels and what zxing is told besides.
function* looks(image, wide, high) {
  const longest = Math.min(LONGEST, Math.max(wide, high));
  const sides = SIDES.map((side) => Math.min(side, longest)).filter((side, at, all) => all.indexOf(side) === at);
  const tiny = longest < 400;
  for (const side of sides) yield [drawn(image, wide, high, side), {}];
  if (longest < SMALL) for (const times of tiny ? [2, 4] : [2]) yield [drawn(image, wide, high, longest * times), {}];
  const later = longest < SMALL ? [longest * 2, longest] : sides.slice(0, 4);
  for (const side of later) {
    yield [cleared(drawn(image, wide, high, side), 0), { binarizer: "GlobalHistogram" }];
    yield [cleared(drawn(image, wide, high, side), 1), {}];
    yield [cleared(drawn(image, wide, high, side), 2), { binarizer: "GlobalHistogram" }];
    yield [drawn(image, wide, high, side, 45), {}];
    yield [drawn(image, wide, high, side), { tryDenoise: true }];
  }
  for (const side of later.slice(0, 2)) {
    yield [cleared(drawn(image, wide, high, side, 30), 1), {}];
    yield [cleared(drawn(image, wide, high, side), 4), { binarizer: "GlobalHistogram" }];
  }
  yield* parts(image, wide, high);
}

// Large pictures in nine overlapping parts, each as sharp as it was taken: a code may be a small part of a page.
function* parts(image, wide, high) {
  if (Math.max(wide, high) < 1800) return;
  const width = Math.round(wide / 2), height = Math.round(high / 2);
  for (let place = 0; place < 9; place++) {
    const x = Math.round((wide - width) * (place % 3) / 2), y = Math.round((high - height) * Math.floor(place / 3) / 2);
    const side = Math.min(2400, Math.max(width, height)), [w, h] = bounded(width * side / Math.max(width, height), height * side / Math.max(width, height));
    canvas.width = w; canvas.height = h;
    context.drawImage(image, x, y, width, height, 0, 0, w, h);
    const pixels = context.getImageData(0, 0, w, h);
    yield [pixels, {}];
    yield [cleared(pixels, 1), { binarizer: "GlobalHistogram" }];
  }
}

const isCertificate = (text) => certificateIn(text) !== null;
const breath = () => new Promise((done) => setTimeout(done));

// The texts of all QR codes of a picture file, certificates' own if there are any. Throws `Unopened` and `Missing`.
export async function readPicture(file, addresses) {
  let image;
  try { image = await createImageBitmap(file); } catch { throw new Unopened(file.name); }
  try {
    const found = new Set(await detectNative(image) ?? []);
    if ([...found].some(isCertificate)) return [...found].filter(isCertificate);
    const read = await (zxing ??= zxingReader(addresses));
    for (const [pixels, more] of looks(image, image.width, image.height)) {
      await breath();
      for (const code of await read(pixels, more)) found.add(code.text);
      const certificates = [...found].filter(isCertificate);
      if (certificates.length) return certificates;
    }
    return [...found];
  } finally {
    image.close();
    canvas.width = canvas.height = 1; // phones keep few canvases' worth of memory
  }
}

// The texts of the codes that a camera shows now. Throws `Missing`.
export async function readFrame(video, addresses) {
  const wide = video.videoWidth, high = video.videoHeight;
  if (!wide) return [];
  const found = await detectNative(video);
  if (found?.length) return found;
  const read = await (zxing ??= zxingReader(addresses));
  return (await read(drawn(video, wide, high, Math.min(1600, Math.max(wide, high))), {})).map((code) => code.text);
}
