
// ---- galleries: what a person should judge, side by side

const gallery = document.getElementById("gallery");
let hung = null;
const galleries = () => (hung ??= read(document.getElementById("galleries")));

const WORDS = {
  missing: { title: "Missing frames", noun: "place", order: "most frames first", value: (each) => `${plural(each.value, "frame")} between them left out` },
  timeline: { title: "Jumps in time", noun: "jump", order: "longest first", value: (each) => (each.value === null ? "" : `${each.value.toFixed(3)} s from one to the other`) },
  cut: { title: "Cuts", noun: "cut", order: "least certain first", value: (each) => `cut score ${each.value}` },
  damage: { title: "Damage", noun: "place", order: "in the order of the videos" },
  size: { title: "Changes of size", noun: "change", order: "in the order of the videos" },
  blurred: { title: "Blurred images", noun: "image", order: "most blurred first" },
  dark: { title: "Dark images", noun: "image", order: "darkest first" },
  bright: { title: "Bright images", noun: "image", order: "brightest first" },
  flat: { title: "Flat images", noun: "image", order: "flattest first" },
  similar: { title: "Similar frames", noun: "duplicate", order: "largest groups first", group: "group" },
  still: { title: "Unchanged frames", noun: "duplicate", order: "largest groups first", group: "group" },
};

function opener(kinds, text, video) {
  const of = video === undefined ? {} : { "data-of": video };
  return make("button", { type: "button", class: "count", "data-gallery": kinds.join(" "), ...of }, text);
}

function toJudge(video) {
  const found = galleries().galleries.filter((each) => video.id in each.videos);
  if (!found.length) return null;
  return section("To look at", "", make("p", { class: "openers" }, ...found.map((each) => {
    const button = opener([each.kind], `${WORDS[each.kind].title}: ${whole(each.videos[video.id].count)}`, video.id);
    button.className = "chip";
    return button;
  })));
}

// Before the row or the list that the button stands in takes the click for its own.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-gallery]");
  if (!button) return;
  event.stopPropagation();
  const row = button.closest("tbody tr");
  openGallery(button.dataset.gallery.split(" "), button.dataset.of ?? row?.cells[0].dataset.value);
}, true);

// In a table of many rows, the Tab key goes to the counts of one row alone.
let entered = null;
body.addEventListener("focusin", (event) => {
  const row = event.target.closest("tr");
  if (row === entered) return;
  const reach = (of, index) => of?.querySelectorAll("[data-gallery]").forEach((each) => { each.tabIndex = index; });
  reach(entered, -1);
  reach(row, 0);
  entered = row;
});

function openGallery(kinds, video) {
  const shown = galleries().galleries.filter((each) => kinds.includes(each.kind) && (video === undefined || video in each.videos));
  const areBreaks = kinds.every((kind) => summary.kinds.breaks.includes(kind));
  const title = shown.length === 1 ? WORDS[shown[0].kind].title : areBreaks ? "Breaks" : "Duplicates";
  const concerned = new Set(shown.flatMap((each) => Object.keys(each.videos))).size;
  const top = make("div", { class: "top" },
    make("div", {}, make("h2", { id: "gallery-title" }, title), make("p", {}, video ?? `in ${whole(concerned)} of ${plural(rows.length, "video")}`)),
    make("button", { type: "button", class: "quiet", onclick: () => gallery.close(), autofocus: "" }, "Close"));
  gallery.replaceChildren(top, make("div", { class: "content" }, ...shown.map((each) => wall(each, video, shown.length > 1))));
  gallery.showModal();
  gallery.scrollTop = 0;
}

gallery.addEventListener("click", (event) => { if (event.target === gallery) gallery.close(); });

function wall(each, video, isTitled) {
  const words = WORDS[each.kind];
  const all = video === undefined ? each : each.videos[video];
  const exhibits = each.exhibits.filter((exhibit) => video === undefined || exhibit.video === video);
  const told = [explain(each, all, exhibits.length, words)];
  if (all.without_image) {
    told.push(`${whole(all.without_image)} of ${plural(all.count, "duplicate")} ${all.without_image === 1 ? "has" : "have"} no image:`
      + " left out while extracting, or deleted since. Where a group has none at all, the next kept frame stands beside the first."
      + " “prep dedupe --restore” brings them back from the video.");
  }
  return make("section", { class: "wall" },
    isTitled ? make("h3", {}, words.title) : null,
    ...told.map((text) => make("p", { class: "facts" }, text)),
    make("div", { class: each.exhibits[0]?.pictures.length === 1 ? "sheet large" : "pairs" },
      ...exhibits.map((exhibit) => hang(exhibit, each, words, video))));
}

function explain(each, all, shown, words) {
  const limit = each.limit === null ? "" : ` (${each.measure} ${each.is_upper ? "above" : "below"} ${each.limit})`;
  const isGrouped = all.places < all.count || words.group;
  const group = words.group ?? (all.places === 1 ? "stretch" : "stretche");
  const places = isGrouped ? ` in ${plural(all.places, group)}` : "";
  const what = `${plural(all.count, words.noun)}${limit}${places}`;
  const rest = shown < all.places && summary.kinds.marks.includes(each.kind) ? " “prep validate -v” names all of them." : "";
  if (!shown) return `${what}. The page has no room for these pictures; it shows the worst of all videos.${rest}`;
  const part = shown === all.places ? (shown === 1 ? "" : "all shown, ") : `${whole(shown)} of ${whole(all.places)} shown, `;
  const order = shown > 1 ? words.order : "";
  const worst = isGrouped && !words.group ? "; of each stretch, the worst image" : "";
  return `${what}${part || order ? `: ${part}${order}` : ""}${worst}.${rest}`;
}

function hang(exhibit, { kind, measure }, words, video) {
  const isPair = exhibit.pictures.length > 1;
  const isDuplicate = kind === "similar" || kind === "still";
  const isLeftOut = isDuplicate && exhibit.pictures[1].frame <= exhibit.last;
  const name = (picture, place) => {
    const elsewhere = picture.video === exhibit.video ? "" : `${picture.video}: `;
    const fate = isDuplicate ? (place && isLeftOut ? ", left out" : ", kept") : "";
    return `${elsewhere}frame ${whole(picture.frame)}${fate}`;
  };
  const lines = [];
  if (words.value) lines.push(make("b", {}, words.value(exhibit)));
  else if (exhibit.value !== null) lines.push(make("b", {}, `${measure} ${exhibit.value}`));
  if (isDuplicate && (exhibit.count > 1 || !isLeftOut)) lines.push(`${plural(exhibit.count, "frame")} left out for the first`);
  if (!isPair && exhibit.count > 1) lines.push(`the worst of ${whole(exhibit.count)}, frames ${whole(exhibit.first)}–${whole(exhibit.last)}`);
  if (video === undefined) lines.push(make("button", { type: "button", class: "link", onclick: () => leadTo(exhibit.video) }, exhibit.video));
  return make("figure", { class: isPair ? "pair" : "single" },
    make("div", {}, ...exhibit.pictures.map((picture, place) => framed(picture, name(picture, place)))),
    make("figcaption", {}, ...lines.map((line) => make("div", {}, line))));
}

function framed(picture, caption) {
  const drawn = galleries().pictures[`${picture.video}/${picture.frame}`];
  if (!drawn) return make("div", { class: "picture" }, make("div", { class: "none" }, "no image"), make("span", {}, caption));
  const view = drawn.src
    ? make("img", { src: drawn.src, alt: `${picture.video}, frame ${picture.frame}`, loading: "lazy", decoding: "async" })
    : make("div", { class: "none" }, "cannot be opened");
  return make("a", { class: "picture", href: drawn.href, target: "_blank", rel: "noopener", title: picture.file }, view, make("span", {}, caption));
}

function leadTo(id) {
  gallery.close();
  open(rows.find((row) => row.cells[0].dataset.value === id));
}
