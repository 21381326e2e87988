// The condition of the pipeline: headline, tiles, components, banners.

import { byId, element, setText } from "./dom.js";
import { ageOf, count, duration, plural, rate, reasonName, shown, since } from "./format.js";

const STALE_MS = 60000;
const NAMES = { object_store: "object store", kafka: "Kafka" };
const OPTIONAL = new Set(["bulk", "parked"]);
const SOON_MS = 5000; // what is taken within seconds does not wait
const BAD = new Set(["trouble", "away"]);

export function showTiles(frame) {
  const { condition, throughput } = frame;
  setText(byId("rate"), rate(throughput.rate ?? 0));
  setText(byId("p50"), throughput.p50 == null ? "–" : duration(throughput.p50));
  setText(byId("p95"), throughput.p95 == null ? "–" : duration(throughput.p95));
  setText(byId("work"), throughput.work == null ? "–" : duration(throughput.work));

  const account = byKind(condition.account ?? seen(frame.seen));
  byId("tile-out").dataset.source = condition.account ? "tables" : "kafka";
  setText(byId("out-of"), condition.account ? "in the tables" : "seen here");
  setText(byId("objects"), count(account.objects));
  for (const kind of ["cat", "dog", "not_a_pet", "rejected"]) setText(byId(`n-${kind}`), count(account[kind]));
  showWaiting(frame);
  showComponents(condition);
}

function showWaiting({ condition, now }) {
  const places = Object.entries(condition.waiting);
  for (const [place, { count: number, oldest, untaken }] of places) {
    const [figure, age] = [byId(`w-${place}`), byId(`a-${place}`)];
    setText(figure, number == null ? "unknown" : count(number));
    const at = untaken ?? oldest;
    setText(age, !number || at == null || now - at < SOON_MS ? "" : `${untaken == null ? "oldest" : "none taken for"} ${ageOf(now - at)}`);
    figure.closest("div").hidden = !number && (OPTIONAL.has(place) || (place === "queue" && number == null));
  }
  const known = places.filter(([, { count: number }]) => number != null);
  setText(byId("waiting"), known.length < 3 ? "–" : count(known.reduce((sum, [, { count: number }]) => sum + number, 0)));
  const lines = Object.entries(condition.parked ?? {}).map(([reason, number]) => [reasonName(reason), number]);
  lines.sort(([, one], [, other]) => other - one);
  if (condition.parked_more) lines.push(["reason unknown", condition.parked_more]);
  repeat(byId("parked"), lines, () => element("div", {}, element("dt"), element("dd")), (line, [name, number]) => {
    setText(line.firstChild, name);
    setText(line.lastChild, count(number));
  });
}

/** As many children as values, each filled from its value. What stays the same is left alone. */
function repeat(place, values, make, fill) {
  values.forEach((value, index) => fill(place.children[index] ?? place.appendChild(make()), value));
  while (place.childElementCount > values.length) place.lastElementChild.remove();
}

const nameOf = (component) => NAMES[component.name] ?? component.name;

function chapterLink() {
  return element("a", { class: "chapter", target: "_blank", rel: "noopener" }, "Runbook");
}

function linkTo(link, chapter) {
  link.hidden = !chapter;
  const to = chapter ? `/assets/runbook.html#${encodeURIComponent(chapter)}` : "";
  if (chapter && link.getAttribute("href") !== to) link.setAttribute("href", to);
}

function showComponents({ components, groups = [], models = [] }) {
  const make = () => element("li", {}, element("b"), element("span", { class: "state" }), element("span", { class: "text" }), chapterLink());
  repeat(byId("components"), components, make, (line, component) => {
    const [name, state, text, link] = line.children;
    line.dataset.state = component.state;
    setText(name, nameOf(component));
    setText(state, component.state);
    const when = component.since == null ? "" : `, since ${since(component.since)}`;
    setText(text, `${shown(component.text)}${when}`);
    linkTo(link, component.chapter);
  });
  const members = groups.map(({ name, members: number, hosts }) => `${name}: ${count(number)}${hosts.length ? ` (${hosts.join(", ")}${number > hosts.length && hosts.length > 9 ? ", …" : ""})` : ""}`);
  const served = models.map(({ name, version, sha256, processes }) => `${name} ${version} (${sha256.slice(0, 8)}) in ${plural(processes, "process", "processes")}`);
  for (const [id, texts] of [["groups", members], ["models", served]]) {
    setText(byId(id), shown(texts.join("; ")));
    byId(id).parentElement.hidden = texts.length === 0;
  }
}

function seen(reasons) {
  const { cat = 0, dog = 0 } = reasons;
  const objects = Object.values(reasons).reduce((sum, each) => sum + each, 0);
  return { objects, cat, dog, rejected: objects - cat - dog, reasons };
}

/** What is not a pet stands apart from the other rejections. */
function byKind({ rejected, reasons, ...account }) {
  const { not_a_pet: none = 0 } = reasons;
  return { ...account, not_a_pet: none, rejected: rejected - none };
}

/** The sentence on top. A page without its server knows nothing. */
export function showHeadline(frame, isLost) {
  if (!frame.condition) return;
  const { kind, title, note, chapter = "" } = isLost
    ? { kind: "", title: "No news", note: `The board has not answered since ${since(frame.now)}. The page shows what was known then.` }
    : frame.condition.headline;
  byId("mark").dataset.kind = kind;
  setText(byId("live-title"), title);
  setText(byId("live-note"), note);
  linkTo(byId("live-chapter"), chapter);
  document.title = kind === "ok" || kind === "" ? "petstream" : `▲ ${title} · petstream`;
}

/** In every view: which component does not work, and since when. */
export function showBanners({ condition }, isLost) {
  const all = condition?.components ?? [];
  const kafka = all.filter(({ name, state }) => name === "kafka" && state === "away");
  const banners = (kafka.length ? kafka : all.filter(({ state }) => BAD.has(state))).map((component) => {
    const name = nameOf(component);
    const when = component.since == null ? "" : `, since ${since(component.since)}`;
    const text = `${name[0].toUpperCase()}${name.slice(1)}: ${shown(component.text)}${when}.`;
    return [component.state === "away" && component.name !== "database" ? "bad" : "warn", text, component.chapter];
  });
  if (isLost) banners.unshift(["bad", "This page has lost its server. It reconnects by itself.", ""]);
  repeat(byId("banners"), banners, () => element("p", { class: "banner" }, element("span"), chapterLink()), (banner, [kind, text, chapter]) => {
    banner.dataset.kind = kind;
    setText(banner.firstChild, text);
    linkTo(banner.lastChild, chapter);
  });
}

/** Grey the figures whose source has had no news for a minute. `now` is the server's time. */
export function greyOld({ condition }, now) {
  if (!condition) return;
  for (const node of document.querySelectorAll("[data-source]")) {
    const at = condition.news?.[node.dataset.source];
    if (at != null && now - at > STALE_MS) node.dataset.stale = `no news since ${since(at)}`;
    else delete node.dataset.stale;
  }
}
