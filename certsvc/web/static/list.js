// A list's progress: rows stream in as lines of JSON, are counted, shown, and offered as a CSV that is safe to open.
const escaped = (text) => /^\s*[=+\-@\t\r=+-@]/.test(text) ? "'" + text : text;
const quoted = (text) => `"${escaped(text).replaceAll('"', '""')}"`;

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

export async function run(form) {
  const part = form.querySelector("[data-progress]"), bar = part.querySelector("progress"), said = part.querySelector("[data-said]");
  const table = part.querySelector("table"), body = table.querySelector("tbody"), download = part.querySelector("[data-download]");
  part.hidden = false; download.hidden = true; table.hidden = true; said.textContent = ""; body.replaceChildren();
  bar.value = 0;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/x-ndjson, application/problem+json" } });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => null);
      said.textContent = problem ? problem.detail : said.dataset.failed;
      return;
    }
    const heads = [...table.querySelectorAll("th")].map((cell) => cell.textContent);
    const rows = [[heads[0], heads[1], heads[2], "发证日期", "查询时间"].map(quoted).join(",")];
    let of = 0, done = 0, good = 0;
    for await (const line of lines(answer.body)) {
      if ("rows" in line) { of = line.rows; bar.max = Math.max(of, 1); continue; }
      done += 1;
      bar.value = done;
      said.textContent = `${done} / ${of}`;
      rows.push([line.number, line.name, line.status, line.issued_on, line.checked_at].map(quoted).join(","));
      if (line.state === "valid" || line.state === "paper_valid") good += 1;
      if (done <= SHOWN) {
        const row = body.insertRow();
        for (const text of [line.number, line.name, line.status]) row.insertCell().textContent = text;
        row.dataset.state = line.state;
        row.className = `s-${line.state}`;
        table.hidden = false;
      }
    }
    if (done !== of) { said.textContent = said.dataset.failed; return; }
    const summary = said.dataset.summary.replace("{good}", good).replace("{rest}", of - good);
    said.textContent = `${said.dataset.done} ${done} / ${of} · ${summary} ${of > SHOWN ? said.dataset.more.replace("{shown}", SHOWN) : ""}`;
    const link = download.querySelector("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + rows.join("\r\n") + "\r\n"], { type: "text/csv" }));
    download.hidden = false;
  } catch {
    said.textContent = said.dataset.failed;
  }
}
