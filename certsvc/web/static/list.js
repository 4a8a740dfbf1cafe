// A list's progress: rows stream in as lines of JSON, are counted and shown, each with its record or with what is wrong
// with it; the last line brings the answered file, of the kind that was sent. A list that is refused says why, row by row.
const SHOWN = 200; // rows; the file has them all

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (held + (value ?? "")).split("\n");
    held = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
    if (done) return;
  }
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const english = !document.documentElement.lang.startsWith("zh");
// A problem's detail has both languages, Chinese first.
const chosen = (problem) => problem.detail?.split(" / ")[english ? 1 : 0] ?? problem.detail;

function tellProblem(part, said, problem) {
  said.textContent = problem ? chosen(problem) : said.dataset.failed;
  part.querySelector("progress").parentElement.hidden = true;
  part.querySelector("[data-remedy]").hidden = problem?.code !== "file-refused";
  const listed = part.querySelector("[data-problems]");
  for (const { row, column, zh, en } of problem?.errors ?? []) {
    const line = document.createElement("li");
    line.className = "bad";
    line.textContent = `${said.dataset.row.replace("{row}", row)} ${column} · ${english ? en : zh}`;
    listed.append(line);
    listed.hidden = false;
  }
}

function show(body, said, line) {
  const row = body.insertRow();
  for (const text of [line.number, line.name]) row.insertCell().textContent = text;
  const cell = row.insertCell();
  if (line.record) {
    const link = cell.appendChild(document.createElement("a"));
    link.href = line.record;
    link.textContent = line.status;
  } else {
    cell.textContent = line.status;
  }
  if (!line.checked) cell.appendChild(document.createElement("small")).textContent = said.dataset.row.replace("{row}", line.row);
  row.dataset.state = line.state;
  row.className = `s-${line.checked ? line.state : "unavailable"}`;
}

// Sends the list to `action` and shows its answer in `part`.
export async function run(file, part, action) {
  const bar = part.querySelector("progress"), said = part.querySelector("[data-said]");
  const table = part.querySelector("table"), body = table.querySelector("tbody"), download = part.querySelector("[data-download]");
  const form = new FormData();
  form.append("list", file, file.name);
  try {
    const answer = await fetch(action, { method: "POST", body: form, headers: { Accept: "application/x-ndjson, application/problem+json" } });
    if (!answer.ok) {
      tellProblem(part, said, await answer.json().catch(() => null));
      return;
    }
    let of = 0, done = 0, good = 0, unread = 0, brought = null;
    for await (const line of lines(answer.body)) {
      if ("rows" in line) { of = line.rows; bar.max = Math.max(of, 1); continue; }
      if ("base64" in line) { brought = line; continue; }
      done += 1;
      bar.value = done;
      said.textContent = `${done} / ${of}`;
      if (line.state === "valid" || line.state === "paper_valid") good += 1;
      if (!line.checked) unread += 1;
      // What is wrong is shown however far down it stands.
      if (body.rows.length < SHOWN || !line.checked && unread <= SHOWN) {
        show(body, said, line);
        table.hidden = false;
      }
    }
    if (done !== of || !brought) { said.textContent = said.dataset.failed; return; }
    const summary = [said.dataset.summary.replace("{good}", good).replace("{rest}", of - good)];
    if (unread) summary.push(said.dataset.unread.replace("{count}", unread));
    if (of > SHOWN) summary.push(said.dataset.more.replace("{shown}", SHOWN));
    said.textContent = `${said.dataset.done} ${done} / ${of} · ${summary.join(" ")}`;
    const link = download.querySelector("a");
    link.href = URL.createObjectURL(new Blob([bytesOf(brought.base64)], { type: brought.type }));
    link.download = brought.file;
    download.hidden = false;
  } catch {
    said.textContent = said.dataset.failed;
  }
}
