// Numbers of a video are read only when it is opened. Texts reach the page as text nodes, never
// as HTML.

const read = (script) => JSON.parse(script.textContent);
const summary = read(document.getElementById("summary"));
const blocks = document.querySelectorAll("script.video");
const body = document.querySelector("table tbody");
const rows = [...body.rows];
const dialog = document.getElementById("video");
const filter = document.getElementById("filter");
const whole = (value) => value.toLocaleString("en-US");
const plural = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

function make(name, attributes = {}, ...children) {
  const isDrawing = ["svg", "path", "line", "rect"].includes(name);
  const element = isDrawing
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function clock(seconds) {
  if (seconds === null) return "–";
  const sign = seconds < 0 ? "−" : "";
  const tenths = Math.round(Math.abs(seconds) * 100) / 100;
  const hours = Math.floor(tenths / 3600);
  const minutes = Math.floor((tenths % 3600) / 60);
  const rest = (tenths % 60).toFixed(2).padStart(5, "0");
  return `${sign}${hours ? `${hours}:${String(minutes).padStart(2, "0")}` : minutes}:${rest}`;
}

// ---- the table

function visibleRows() {
  return [...body.rows].filter((row) => !row.hidden);
}

function focusRow(row) {
  for (const other of rows) other.tabIndex = other === row ? 0 : -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

function neighbour(row, step) {
  const visible = visibleRows();
  const place = visible.indexOf(row) + step;
  return visible[Math.max(0, Math.min(place, visible.length - 1))];
}

const plain = (text) => text.toLowerCase().replaceAll("_", " ");
const texts = rows.map((row) => plain(
  `${row.cells[0].textContent} ${row.querySelector(".notices").textContent} ${row.dataset.breaks}`));

function applyFilter() {
  const words = plain(filter.value).split(/\s+/).filter(Boolean);
  let shown = 0;
  rows.forEach((row, place) => {
    row.hidden = !words.every((word) => texts[place].includes(word));
    shown += !row.hidden;
  });
  document.getElementById("shown").textContent = `${whole(shown)} of ${whole(rows.length)}`;
  document.getElementById("none").hidden = shown > 0;
  const first = visibleRows()[0];
  for (const row of rows) row.tabIndex = row === first ? 0 : -1;
}

function filterBy(text) {
  filter.value = text;
  applyFilter();
}

filter.addEventListener("input", applyFilter);
document.querySelector("#none button").addEventListener("click", () => { filterBy(""); filter.focus(); });

document.querySelectorAll(".scroll thead th").forEach((header, column, headers) => {
  header.addEventListener("click", () => {
    const isText = column === 0;
    const wasUp = header.getAttribute("aria-sort") === "ascending";
    const wasDown = header.getAttribute("aria-sort") === "descending";
    const up = isText ? !wasUp : wasDown;
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.value;
    const compare = isText
      ? (a, b) => value(a).localeCompare(value(b), undefined, { numeric: true })
      : (a, b) => value(a) - value(b);
    body.append(...[...body.rows].sort((a, b) => (up ? compare(a, b) : compare(b, a))));
    applyFilter();
  });
});

body.addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  if (row && !getSelection().toString()) open(row);
});

document.querySelector(".verdict").addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (!chip) return;
  if ("filter" in chip.dataset) {
    filterBy(chip.dataset.filter);
    document.getElementById("videos").scrollIntoView();
  } else {
    open(rows.find((row) => row.cells[0].dataset.value === chip.dataset.video));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || gallery.open) return;
  const typing = event.target === filter;
  if (event.key === "/" && !typing && !dialog.open) {
    event.preventDefault();
    filter.focus();
    filter.select();
    return;
  }
  if (typing) {
    if (event.key === "Escape") { filterBy(""); focusRow(rows.find((row) => !row.hidden)); }
    else if (["Enter", "ArrowDown"].includes(event.key) && visibleRows().length) {
      event.preventDefault();
      focusRow(visibleRows()[0]);
    }
    return;
  }
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const moves = dialog.open ? { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key] : step;
  if (dialog.open) {
    if (moves) { event.preventDefault(); open(neighbour(opened, moves)); }
    // The browser's own way moves the focus to the row that was opened first, and ours only later.
    if (event.key === "Escape") { event.preventDefault(); dialog.close(); leave(); }
    return;
  }
  const row = event.target.closest("tbody tr");
  if (step && (row || event.key.length === 1)) {
    event.preventDefault();
    const target = row ? neighbour(row, step) : visibleRows()[0];
    if (target) focusRow(target);
  } else if (row && event.key === "Enter" && event.target === row) {
    event.preventDefault();
    open(row);
  }
});

// ---- one video

let opened = null;
dialog.addEventListener("close", leave); // comes late, when the focus may be elsewhere already
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function leave() {
  if (opened) focusRow(opened);
  opened = null;
}

function open(row) {
  opened = row;
  const video = read(blocks[row.dataset.video]);
  dialog.replaceChildren(...page(video));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  dialog.querySelector("#close").focus();
}

function section(title, note, ...children) {
  return make("section", {}, make("h3", {}, title, " ", make("small", {}, note)), ...children);
}

function page(video) {
  const go = (step) => () => open(neighbour(opened, step));
  const size = video.width ? ` · ${video.width}×${video.height}` : "";
  const top = make("div", { class: "top" },
    make("div", {},
      make("h2", { id: "video-title" }, video.id),
      make("p", {}, `${video.source} · ${clock(video.seconds)}${size}`)),
    make("button", { type: "button", class: "quiet", onclick: go(-1), "aria-label": "Previous video" }, "←"),
    make("button", { type: "button", class: "quiet", onclick: go(1), "aria-label": "Next video" }, "→"),
    make("button", { type: "button", class: "quiet", id: "close", onclick: () => dialog.close() }, "Close"));
  return [top, make("div", { class: "content" },
    messages(video), toJudge(video), accounts(video), timeline(video), sheet(video), pairs(video),
    regions(video),
    make("div", { class: "columns" }, breakList(video), runList(video), taskList(video)), source(video))];
}

function rejectedFrames(video) {
  const reasons = [...new Set(video.rejected.rows.map((row) => row.reason))];
  return reasons.map((reason) => {
    const frames = video.rejected.rows.filter((row) => row.reason === reason).map((row) => row.frame);
    const more = video.reasons[reason] - Math.min(frames.length, 20);
    return `${plural(video.reasons[reason], "image")}, ${reason.replaceAll("_", " ")}: frame `
      + frames.slice(0, 20).join(", ") + (more ? ` and ${whole(more)} more` : "");
  });
}

function messages(video) {
  const problem = (kind) => (text) => make("li", { class: "problem" }, make("b", {}, kind), text);
  const items = [
    ...video.imbalances.map(problem("accounts")),
    ...rejectedFrames(video).map(problem("rejected")),
    ...video.notices.rows.map((notice) => make("li", { class: notice.is_finding ? "problem" : "" },
      make("b", {}, notice.kind), notice.message)),
  ];
  const left = video.notices.total - video.notices.rows.length;
  if (left) items.push(make("li", {}, `and ${plural(left, "more notice")}; video.json has them all`));
  return items.length ? make("ul", { class: "messages" }, ...items) : null;
}

function accounts(video) {
  const counts = video.counts;
  const term = (sign, name, words) => make("div", { class: `term ${name}`, "data-sign": sign },
    make("dt", {}, words), make("dd", {}, whole(counts[name])));
  const reasons = Object.entries(video.reasons)
    .map(([reason, count]) => `${whole(count)} ${reason.replaceAll("_", " ")}`).join(", ");
  const header = counts.frames_in_header === null ? "no claim" : whole(counts.frames_in_header);
  return section("Frames", "",
    make("dl", { class: "equation small" },
      term("", "frames_decoded", counts.counted === "packets" ? "counted" : "decoded"), term("=", "kept", "kept"),
      term("+", "duplicates", "duplicates"), term("+", "sampled_out", "sampled out"),
      term("+", "rejected", "rejected")),
    make("p", { class: "facts" }, `${plural(counts.files_on_disk, "file")} on disk · header: ${header} · `
      + `${plural(counts.packets, "packet")}${reasons ? ` · left out: ${reasons}` : ""}`));
}

const FATES = [["kept", "kept"], ["duplicate", "duplicates"], ["sampled_out", "sampled_out"], ["rejected", "rejected"]];

function timeline(video) {
  const line = video.timeline;
  const columns = line.first_frames.length;
  if (!columns) return null;
  const draw = (height, ...shapes) => make("div", { class: "lane" },
    make("svg", { viewBox: `0 0 ${columns} ${height}`, preserveAspectRatio: "none", style: `height:${height}px`, "aria-hidden": "true" }, ...shapes));
  const label = (name, note = "") => make("div", { class: "label" }, make("b", {}, name), note ? make("br") : null, note);
  const last = video.counts.frames_decoded;
  const ends = [...line.first_frames.slice(1), last];
  const cells = [];

  const bottoms = new Array(columns).fill(44);
  const bands = FATES.map(([fate, name]) => {
    let path = "";
    line.fates[fate].forEach((count, column) => {
      if (!count) return;
      let height = 44 * count / (ends[column] - line.first_frames[column]);
      if (fate === "rejected") height = Math.max(height, 8);
      path += `M${column} ${bottoms[column]}h1v${-height}h-1z`;
      bottoms[column] -= height;
    });
    return make("path", { d: path, fill: `var(--${name})`, "data-fate": fate });
  });
  cells.push(label("frames"), draw(44, ...bands));

  for (const kind of summary.break_kinds.filter((kind) => line.breaks[kind])) {
    const path = line.breaks[kind].map((column) => `M${column} 0v12`).join("");
    cells.push(
      label(kind, ""),
      make("div", { class: `lane k-${kind}` }, draw(12, make("path", {
        d: path, stroke: "var(--swatch)", "stroke-width": 2, "vector-effect": "non-scaling-stroke", "data-break": kind,
      })).firstChild));
  }

  const curve = (name, values, top, color, limit) => {
    if (!values.some((value) => value !== null)) return;
    const height = 34;
    const y = (value) => (height - Math.min(value / top, 1) * (height - 2)).toFixed(1);
    let path = "";
    let pen = "M";
    values.forEach((value, column) => {
      if (value === null) return; // frames without an image were not measured
      path += `${pen}${column + 0.5} ${y(value)}`;
      pen = "L";
    });
    const shapes = [make("path", { d: path, fill: "none", stroke: color, "stroke-width": 1.5, "stroke-linejoin": "round", "stroke-linecap": "round", "vector-effect": "non-scaling-stroke" })];
    if (limit !== undefined && limit < top) {
      shapes.unshift(make("line", { x1: 0, x2: columns, y1: y(limit), y2: y(limit), stroke: "var(--warning)", "stroke-dasharray": "4 4", "vector-effect": "non-scaling-stroke" }));
    }
    cells.push(label(name, `to ${top.toFixed(top < 10 ? 1 : 0)}`), draw(height, ...shapes));
  };
  const most = (values) => Math.max(1, ...values.filter((value) => value !== null));
  const cut = summary.break_settings.cut_score;
  curve("cut score", line.cut_score, Math.max(most(line.cut_score), cut * 1.25), "var(--ink)", cut);
  curve("sharpness", line.sharpness, most(line.sharpness), "var(--kept)");
  curve("brightness", line.brightness, 255, "var(--kept)");

  const marks = columns < 4 ? [0] : [0, 0.25, 0.5, 0.75].map((share) => Math.floor(share * columns));
  const ticks = marks.map((column) => make("span", {}, `${whole(line.first_frames[column])} · ${clock(line.seconds[column])}`));
  ticks.push(make("span", {}, whole(last - 1)));
  cells.push(make("div", { class: "label" }, "frame · time"), make("div", { class: "ticks" }, ...ticks));

  const cursor = make("div", { class: "cursor", hidden: "" });
  const readout = make("p", { class: "readout" }, "Point at the timeline to read it.");
  const grid = make("div", { class: "timeline", onpointermove: (event) => {
    const area = grid.querySelector(".lane").getBoundingClientRect();
    const column = Math.floor((event.clientX - area.left) / area.width * columns);
    cursor.hidden = column < 0 || column >= columns;
    if (cursor.hidden) return;
    cursor.style.left = `${event.clientX - grid.getBoundingClientRect().left}px`;
    const what = FATES.filter(([fate]) => line.fates[fate][column])
      .map(([fate]) => `${whole(line.fates[fate][column])} ${fate.replace("_", " ")}`).join(", ");
    const kinds = Object.keys(line.breaks).filter((kind) => line.breaks[kind].includes(column));
    const first = line.first_frames[column];
    const span = ends[column] - first > 1 ? `frames ${whole(first)}–${whole(ends[column] - 1)}` : `frame ${whole(first)}`;
    readout.textContent = [span, clock(line.seconds[column]), what,
      line.cut_score[column] === null ? "" : `cut score ${line.cut_score[column]}`,
      kinds.length ? `break: ${kinds.join(", ")}` : ""].filter(Boolean).join(" · ");
  }, onpointerleave: () => { cursor.hidden = true; } }, ...cells, cursor);
  const step = Math.max(...ends.map((end, column) => end - line.first_frames[column]));
  return section("Timeline", step > 1 ? `up to ${plural(step, "frame")} a column` : "one frame a column", grid, readout);
}

function picture(video, frame, caption) {
  const image = video.thumbnails[frame];
  const view = image
    ? make("img", { src: image, alt: `frame ${frame}`, loading: "lazy" })
    : make("div", { class: "none" }, image === "" ? "cannot be opened" : "no picture");
  return make("a", { class: "picture", href: video.images[frame], target: "_blank", rel: "noopener" },
    view, make("span", {}, caption));
}

function shape(video) {
  return video.width ? `--shape: ${video.width} / ${video.height}` : "";
}

function sheet(video) {
  const frames = video.sheet.filter((frame) => frame in video.thumbnails);
  if (!frames.length) return null;
  return section("Contact sheet", `${frames.length} of ${plural(video.counts.kept, "kept frame")}`,
    make("div", { class: "sheet", style: shape(video) },
      ...frames.map((frame) => picture(video, frame, whole(frame)))));
}

function pairs(video) {
  const shown = video.pairs.filter((pair) => pair.left in video.thumbnails && pair.right in video.thumbnails);
  if (!shown.length) return null;
  const isDuplicate = shown[0].kind === "duplicate";
  return section(isDuplicate ? "Duplicates" : "The longest stretch left out", "",
    make("div", { class: "pairs", style: shape(video) }, ...shown.map((pair) => make("figure", { class: "pair" },
      make("div", {}, picture(video, pair.left, `${whole(pair.left)}, kept`),
        picture(video, pair.right, isDuplicate ? `${whole(pair.right)}, duplicate` : `${whole(pair.right)}, kept`)),
      isDuplicate ? "" : make("figcaption", {}, `${plural(pair.frames, "frame")} between these two left out as duplicates.`)))));
}

function list(title, excerpt, noun, order, heads, cells) {
  if (!excerpt.total) return section(title, "none");
  const left = excerpt.rows.length < excerpt.total ? `, ${whole(excerpt.rows.length)} shown` : "";
  const note = `${plural(excerpt.total, noun)}${order}${left}`;
  return section(title, note, make("div", { class: "list", tabindex: 0, role: "region", "aria-label": title },
    make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...excerpt.rows.map((row) => make("tr", {}, ...cells(row).map((cell) => make("td", {}, cell))))))));
}

function breakList(video) {
  return list("Breaks", video.breaks, "break", ", those that end a run first", ["kind", "after", "before", "between", "at", "gap"], (row) => [
    make("span", {}, make("i", { class: `swatch k-${row.kind}` }), row.kind),
    whole(row.after), whole(row.before), whole(row.frames), clock(row.time_seconds),
    row.seconds === null ? "–" : `${row.seconds.toFixed(3)} s`,
  ]);
}

function runList(video) {
  return list("Runs", video.runs, "run", "", ["first", "last", "span"], (row) => [
    whole(row.first), whole(row.last), plural(row.last - row.first + 1, "frame"),
  ]);
}

function taskList(video) {
  if (!video.tasks.total) return null;
  return list("In CVAT", video.tasks, "task", "", ["task", "project", "frames", "jobs"], (row) => [
    row.url ? make("a", { href: row.url, target: "_blank", rel: "noopener" }, row.name) : row.name,
    row.project, whole(row.frames), whole(row.jobs),
  ]);
}

function source(video) {
  const facts = Object.entries({ path: video.path, ...video.facts });
  return section("Source", "", make("dl", { class: "source" },
    ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
}

// ---- distributions

const MEANINGS = {
  sharpness: "variance of the Laplacian, powers of ten",
  brightness: "mean grey level, 0 to 255",
  contrast: "standard deviation of the grey levels",
};

function histogram({ measure, edges, counts, thresholds, marked }) {
  const height = 110;
  const most = Math.max(...counts);
  const isLog = measure === "sharpness";
  const scale = (value) => (isLog ? Math.log10(Math.max(value, edges[0])) : value);
  const span = scale(edges.at(-1)) - scale(edges[0]);
  const x = (value) => (scale(value) - scale(edges[0])) / span * 400;
  const bars = counts.map((count, place) => {
    const left = x(edges[place]);
    return `M${left.toFixed(1)} ${height}h${(x(edges[place + 1]) - left - 0.8).toFixed(1)}v${-(count && Math.max(1, count / most * (height - 12))).toFixed(1)}H${left.toFixed(1)}z`;
  }).join("");
  const limits = thresholds.map((limit) => make("line", {
    x1: x(limit.value), x2: x(limit.value), y1: 0, y2: height, stroke: "var(--warning)",
    "stroke-width": 2, "vector-effect": "non-scaling-stroke", "data-threshold": limit.name,
  }));
  const ends = isLog ? edges.filter((_, place) => place % 20 === 0) : [edges[0], edges.at(-1) / 2, edges.at(-1)];
  return make("figure", {},
    make("figcaption", {}, measure, make("small", {}, MEANINGS[measure])),
    make("svg", { viewBox: `0 0 400 ${height}`, preserveAspectRatio: "none", style: `height:${height}px`, role: "img", "aria-label": `distribution of ${measure}` },
      make("path", { d: bars, fill: "var(--kept)" }), ...limits),
    make("div", { class: "ticks" }, ...ends.map((end) => make("span", {}, end < 1 ? String(end) : whole(end)))),
    ...thresholds.map((limit) => make("p", { class: "limits" },
      `${limit.name}: `, marked[limit.name] ? opener([limit.mark], plural(marked[limit.name], "image")) : "0 images",
      ` ${limit.is_upper ? "above" : "below"} ${limit.value}`)));
}

document.getElementById("histograms")?.append(...summary.histograms.map(histogram));
