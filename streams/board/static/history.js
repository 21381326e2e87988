// The charts of the last hour or day, a sentence on each, and the same figures as a table.

import { HEIGHT, band, bars, gaps, line, stacked } from "./charts.js";
import { byId, element, setText } from "./dom.js";
import { count, duration, ofDay, plural, wholePercent } from "./format.js";

const FETCH_EVERY_MS = 5000;
const KINDS = { cat: "cats", dog: "dogs", not_a_pet: "not a pet", rejected: "other" };
const SPANS = { hour: { ago: "60 min ago", slot: "a minute" }, day: { ago: "24 h ago", slot: "15 min" } };

const known = (values) => values.filter((value) => value != null);
const sum = (values) => known(values).reduce((all, each) => all + each, 0);
const most = (values) => Math.max(...known(values), 0);
const orDash = (value, format) => (value == null ? "–" : format(value));

/** By chart: the paths by class, what the whole span says, and what one slot says. Gaps are the slots without news. */
const CHARTS = {
  results: {
    gaps: ({ results }) => results,
    paths: ({ results }) => {
      const top = most(results) || 1;
      const last = results.length - 1;
      return { bar: bars(results.with(last, null), top), "bar now": bars(results.map((each, slot) => (slot === last ? each : null)), top) };
    },
    all: (history) => `${plural(sum(history.results), "result")}${sum(history.results) ? `, at most ${count(most(history.results))} in ${history.slot}` : ""}${missing(history.results, history)}`,
    one: ({ results }, slot) => plural(results[slot], "result"),
  },
  latency: {
    gaps: ({ results }) => results,
    paths: ({ p50, p95 }) => {
      const top = most(p95) || 1;
      return { band: band(p95, top, p50), p95: line(p95, top), p50: line(p50, top) };
    },
    all: ({ p50, p95, at }) => (known(p95).length ? `p50 at most ${duration(most(p50))}, p95 ${duration(most(p95))} at ${at(p95.indexOf(most(p95)))}` : "no results"),
    one: ({ p50, p95 }, slot) => (p50[slot] == null ? "no results" : `p50 ${duration(p50[slot])}, p95 ${duration(p95[slot])}`),
  },
  outcomes: {
    gaps: ({ results }) => results,
    paths: (history) => {
      const sums = stacked(Object.keys(KINDS).map((kind) => history[kind]));
      return Object.fromEntries(Object.keys(KINDS).map((kind, row) => [kind, bars(sums[row + 1], 1, sums[row])]));
    },
    all: (history) => sharesOf(Object.keys(KINDS).map((kind) => [kind, sum(history[kind])])),
    one: (history, slot) => sharesOf(Object.keys(KINDS).map((kind) => [kind, history[kind][slot]])),
  },
  waiting: {
    gaps: ({ waiting }) => waiting,
    paths: ({ waiting }) => {
      const top = most(waiting) || 1;
      return { band: band(waiting, top), p50: line(waiting, top) };
    },
    all: (history) => {
      const { waiting, at } = history;
      return `${most(waiting) ? `at most ${count(most(waiting))}, at ${at(waiting.indexOf(most(waiting)))}` : "nothing waited"}${missing(waiting, history)}`;
    },
    one: ({ waiting }, slot) => `${count(waiting[slot])} waited`,
  },
};

const COLUMNS = ["Time", "Results", "Cats", "Dogs", "Not a pet", "Other rejections", "p50", "p95", "Waiting"];

function sharesOf(counts) {
  const all = counts.reduce((total, [, number]) => total + number, 0);
  return counts.filter(([, number]) => number).map(([kind, number]) => `${wholePercent(number / all)} ${KINDS[kind]}`.replaceAll(" ", "\u00a0")).join(", ") || "no results";
}

export class History {
  constructor() {
    this.span = "hour";
    this.history = null;
    this.fetchedAt = 0;
    this.charts = Object.entries(CHARTS).map(([name, chart]) => new Chart(byId(`chart-${name}`), chart, (slot) => this.#point(slot)));
    for (const choice of document.querySelectorAll('input[name="span"]')) {
      choice.addEventListener("change", () => {
        this.span = choice.value;
        this.#fetch();
      });
      choice.checked = choice.value === this.span; // a browser restores what was chosen before a reload
    }
    byId("figures").addEventListener("toggle", () => this.history && this.#fillTable());
  }

  /** A frame came: the server answers, and somebody looks. */
  heard() {
    if (Date.now() - this.fetchedAt >= FETCH_EVERY_MS) this.#fetch();
  }

  async #fetch() {
    const { span } = this;
    this.fetchedAt = Date.now();
    try {
      const answer = await fetch(`/api/history/${span}`);
      if (answer.ok && span === this.span) this.#show(await answer.json());
    } catch {
      // the next frame asks again
    }
  }

  #show(history) {
    const { first, step, cat } = history;
    const results = cat.map((number, slot) => (number == null ? null : Object.keys(KINDS).reduce((all, kind) => all + history[kind][slot], 0)));
    this.history = { ...history, results, ...SPANS[this.span], at: (slot) => ofDay(first + slot * step * 1000) };
    for (const chart of this.charts) chart.show(this.history);
    this.#fillTable();
  }

  #point(slot) {
    for (const chart of this.charts) chart.point(slot);
  }

  #fillTable() {
    const place = byId("figures").lastElementChild;
    if (!byId("figures").open) return place.replaceChildren();
    const { results, cat, dog, not_a_pet: none, rejected, p50, p95, waiting, at } = this.history;
    const table = place.firstElementChild ?? place.appendChild(makeTable());
    const body = table.tBodies[0];
    while (body.rows.length > results.length) body.lastElementChild.remove();
    results.forEach((_, index) => {
      const slot = results.length - 1 - index; // the newest first
      const row = body.rows[index] ?? body.appendChild(element("tr", {}, element("th", { scope: "row" }), ...COLUMNS.slice(1).map(() => element("td"))));
      const counts = [results, cat, dog, none, rejected].map((values) => (values[slot] == null ? "no news" : count(values[slot])));
      const texts = [at(slot), ...counts, orDash(p50[slot], duration), orDash(p95[slot], duration), orDash(waiting[slot], count)];
      texts.forEach((text, column) => setText(row.children[column], text));
    });
  }
}

function makeTable() {
  const head = element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)));
  return element("table", { class: "plain" }, element("caption", { class: "unseen" }, "Results, latency and backlog by time"), element("thead", {}, head), element("tbody"));
}

class Chart {
  constructor(place, chart, onPoint) {
    this.chart = chart;
    this.svg = place.querySelector("svg");
    this.ago = place.querySelector(".ago");
    this.caption = place.querySelector(".caption");
    this.slot = null;
    this.paths = new Map();
    this.svg.addEventListener("pointermove", ({ clientX }) => {
      const { left, width } = this.svg.getBoundingClientRect();
      onPoint(Math.floor(((clientX - left) / width) * this.length));
    });
    this.svg.addEventListener("pointerleave", () => onPoint(null));
  }

  get length() {
    return this.history?.results.length ?? 1;
  }

  show(history) {
    this.history = history;
    this.svg.setAttribute("viewBox", `0 0 ${this.length} ${HEIGHT}`);
    const paths = { gap: gaps(this.chart.gaps(history)), ...this.chart.paths(history), at: "" };
    for (const [name, shape] of Object.entries(paths)) this.#path(name).setAttribute("d", shape);
    setText(this.ago, history.ago);
    this.point(this.slot);
  }

  /** Say what a slot has; null: the whole span. */
  point(slot) {
    const { history, chart } = this;
    if (!history) return;
    this.slot = slot == null || slot < 0 || slot >= this.length ? null : slot;
    this.#path("at").setAttribute("d", this.slot == null ? "" : `M${this.slot + 0.5} 0V${HEIGHT}`);
    if (this.slot == null) setText(this.caption, chart.all(history));
    else setText(this.caption, `${history.at(slot)}: ${chart.gaps(history)[slot] == null ? "no news" : chart.one(history, slot)}`);
  }

  #path(name) {
    if (!this.paths.has(name)) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", name);
      this.svg.append(path);
      this.paths.set(name, path);
    }
    return this.paths.get(name);
  }
}

/** Of which times nothing is known. */
function missing(news, { at, step }) {
  const first = news.findIndex((each) => each != null);
  if (first < 0) return "; no news yet";
  const later = news.slice(first).filter((each) => each == null).length;
  const gone = [...(first > 0 ? [`before ${at(first)}`] : []), ...(later ? [`for ${duration(later * step * 1000)}`] : [])];
  return gone.length ? `; no news ${gone.join(" and ")}` : "";
}
