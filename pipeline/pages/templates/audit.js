// ---- the findings

const whole = (value) => value.toLocaleString("en-US");
const findings = [...document.querySelectorAll(".finding")];
const sections = [...document.querySelectorAll(".kind")];
const filter = document.getElementById("filter");
const texts = findings.map((finding) => `${finding.dataset.kinds} ${finding.textContent}`.toLowerCase());
const visible = () => findings.filter((finding) => !finding.hidden);

function focusOn(finding) {
  for (const other of findings) other.tabIndex = other === finding ? 0 : -1;
  finding.focus({ preventScroll: true });
  finding.scrollIntoView({ block: finding.matches("tr") ? "nearest" : "start" });
}

function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  findings.forEach((finding, place) => {
    finding.hidden = !words.every((word) => texts[place].includes(word));
  });
  for (const section of sections) {
    const some = (within) => [...within.querySelectorAll(".finding")].some((finding) => !finding.hidden);
    section.hidden = !some(section);
    const table = section.querySelector(".rows");
    if (table) table.hidden = !some(table);
  }
  const shown = visible();
  document.getElementById("shown").textContent = `${whole(shown.length)} of ${whole(findings.length)}`;
  document.getElementById("none").hidden = shown.length > 0;
  for (const finding of findings) finding.tabIndex = finding === shown[0] ? 0 : -1;
}

filter?.addEventListener("input", applyFilter);
document.querySelector("#none button")?.addEventListener("click", () => {
  filter.value = "";
  applyFilter();
  filter.focus();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  if (filter?.value) { filter.value = ""; applyFilter(); }
  if (target.matches(".finding")) { event.preventDefault(); focusOn(target); }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !filter) return;
  if (event.target === filter) {
    if (event.key === "Escape") { event.preventDefault(); filter.value = ""; applyFilter(); filter.blur(); }
    else if (["Enter", "ArrowDown"].includes(event.key) && visible().length) {
      event.preventDefault();
      focusOn(visible()[0]);
    }
    return;
  }
  const here = event.target.closest(".finding");
  const step = { j: 1, k: -1 }[event.key];
  if (event.key === "/") {
    event.preventDefault();
    filter.focus();
  } else if (step) {
    event.preventDefault();
    const shown = visible();
    const place = here ? Math.max(0, Math.min(shown.indexOf(here) + step, shown.length - 1)) : 0;
    if (shown.length) focusOn(shown[place]);
  } else if (here && event.target === here && event.key === "Enter") {
    here.querySelector("a.open")?.click();
  }
});

// ---- the timelines

for (const grid of document.querySelectorAll(".lanes")) {
  const readout = grid.parentElement.nextElementSibling;
  const cursor = grid.querySelector(".cursor");
  const frames = Number(grid.dataset.frames);
  const about = readout.textContent;
  grid.addEventListener("pointermove", (event) => {
    const area = grid.querySelector(".lane").getBoundingClientRect();
    const frame = Math.floor((event.clientX - area.left) / area.width * frames);
    cursor.hidden = frame < 0 || frame >= frames;
    if (cursor.hidden) return;
    cursor.style.left = `${event.clientX - grid.getBoundingClientRect().left}px`;
    const lane = event.target.closest(".lane");
    readout.textContent = `frame ${whole(frame)}${lane ? ` · ${lane.dataset.title}` : ""}`;
  });
  grid.addEventListener("pointerleave", () => { cursor.hidden = true; readout.textContent = about; });
}
