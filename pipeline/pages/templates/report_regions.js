// ---- regions: what was ignored, where something changed, and what might be ignored

const SHARES = [1, 2, 5, 10, 25, 50, 100]; // per cent of the frames, each drawn stronger than the last

function outline(region, name) {
  return make("path", { d: `M${region.corners.map((corner) => corner.join(" ")).join("L")}z`, class: name, "data-region": region.region });
}

function heat(changes) {
  const shares = [...atob(changes.shares)].map((byte) => byte.charCodeAt(0));
  const side = changes.cell_pixels;
  const paths = SHARES.map(() => "");
  shares.forEach((share, place) => {
    if (!share) return;
    const column = place % changes.columns;
    const row = (place - column) / changes.columns;
    paths[SHARES.findIndex((most) => share <= most)] += `M${column * side} ${row * side}h${side}v${side}h${-side}z`;
  });
  return paths.map((d, place) => make("path", { d, class: "heat", "fill-opacity": ((place + 1.5) / (SHARES.length + 1)).toFixed(2), "data-percent": SHARES[place] }))
    .filter((path) => path.getAttribute("d"));
}

function regions(video) {
  const found = video.regions;
  if (!found) return null;
  const shown = video.sheet.filter((frame) => video.thumbnails[frame]);
  const image = video.thumbnails[shown[Math.floor(shown.length / 2)]];
  const plate = (kind, words, ...shapes) => make("figure", { class: `plate ${kind}` },
    make("div", { style: `aspect-ratio: ${found.width} / ${found.height}` },
      image ? make("img", { src: image, alt: "" }) : null,
      make("svg", { viewBox: `0 0 ${found.width} ${found.height}`, preserveAspectRatio: "none", role: "img", "aria-label": words }, ...shapes)),
    make("figcaption", {}, words));
  const ignored = () => found.ignored.map((region) => outline(region, "ignored"));
  const suggested = () => found.suggested.map((region) => outline(region, "suggested"));
  const plates = [];
  if (found.ignored.length || found.suggested.length) {
    const words = [
      ["Ignored", found.ignored], ["Suggested to ignore", found.suggested],
    ].filter(([, several]) => several.length).map(([what, several]) => `${what}: ${several.map((one) => one.region).join(" and ")}`);
    plates.push(plate("frame", words.join(". "), ...ignored(), ...suggested()));
  }
  if (found.changes) {
    plates.push(plate("map", `Where something changed: the stronger the colour, the more of ${plural(found.changes.compared, "frame")}`,
      ...heat(found.changes), ...suggested()));
  }
  const items = found.suggested.map((region) => make("li", {}, make("code", {}, region.option), " ",
    region.kind === "clock"
      ? `changes once or twice a second (${region.percent} % of the frames), as a burnt-in clock does. Make it as wide as the whole text.`
      : `changes in ${region.percent} % of the frames, the rest of the picture hardly ever.`,
    make("br"), "For this video alone, in the settings file: ", make("code", {}, `ignore: [${region.entry}]`)));
  const advice = items.length
    ? [make("p", {}, "If nothing that matters moves there, ignore it, and dedupe leaves out more frames. Extract again with --overwrite and:"),
      make("ul", { class: "suggestions" }, ...items)]
    : [];
  const note = found.suggested.length ? `${whole(found.suggested.length)} suggested to ignore` : "";
  return section("Changes in the picture", note, make("div", { class: "plates" }, ...plates), ...advice);
}

