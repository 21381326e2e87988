// Records and rejections: filters, and pages by cursor. The query is in the address.

import { alien, byId, chip, element, framed, setText, unsureChip } from "./dom.js";
import { count, fileName, outcome, percent, plural, reasonName, sentence, shown, time } from "./format.js";
import { startAtFirst, arrowKeys } from "./keyboard.js";

// A day of the reader is two moments in the address, so that a shared link shows the same rows in every time zone.
const DAYS = {
  since: { toMoment: (day) => midnight(day, 0), toDay: (moment) => localDay(Date.parse(moment)) },
  until: { toMoment: (day) => midnight(day, 1), toDay: (moment) => localDay(Date.parse(moment) - 1) },
};

function midnight(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

function localDay(ms) {
  if (Number.isNaN(ms)) return "";
  const moment = new Date(ms);
  return [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

const NOWHERE = { first: false, previous: false, next: false };
const SHORT = 3; // characters: shorter parts are looked for where a name begins

// What to do after an answer with this status.
const REMEDIES = { 400: " Change a field.", 503: " Press Show to try again." };

class Pages {
  constructor(name, noun, fields) {
    this.name = name;
    this.noun = noun;
    this.fields = fields;
    this.form = byId(`${name}-form`);
    this.message = byId(`${name}-message`);
    this.table = byId(`${name}-table`);
    this.csv = byId(`${name}-csv`);
    this.total = byId(`${name}-total`);
    this.counted = null; // the filter that the total is of
    this.paging = byId(name).querySelector(".paging");
    this.trail = []; // the cursors of the pages before this one
    this.turn = 0;
    this.after = "";
    this.steps = NOWHERE;
    for (const [step, word] of [["first", "First"], ["previous", "Previous"], ["next", "Next"]]) {
      const button = element("button", { type: "button", class: "button", "data-step": step }, word);
      button.addEventListener("click", () => this.#step(step));
      this.paging.append(button);
    }
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.trail = [];
      this.#go("");
    });
    this.form.addEventListener("reset", () => setTimeout(() => this.form.requestSubmit())); // the fields are empty then
    for (const select of this.form.querySelectorAll("select")) {
      select.addEventListener("change", () => this.form.requestSubmit());
    }
    arrowKeys(this.table.tBodies[0], "a.open");
  }

  #go(after) {
    const wanted = new URLSearchParams();
    for (const field of this.fields) {
      const value = this.form.elements[field].value;
      if (value) wanted.set(field, DAYS[field]?.toMoment(value) ?? value);
    }
    if (after) wanted.set("after", after);
    const hash = `#/${this.name}${wanted.size ? `?${wanted}` : ""}`;
    if (location.hash === hash) this.show(wanted);
    else location.hash = hash;
  }

  async show(wanted) {
    for (const field of this.fields) {
      const value = wanted.get(field) ?? "";
      this.form.elements[field].value = value && (DAYS[field]?.toDay(value) ?? value);
    }
    const filter = new URLSearchParams(wanted);
    filter.delete("after");
    this.csv.setAttribute("href", `/api/${this.name}.csv?${filter}`);
    const after = wanted.get("after") ?? "";
    if (!after) this.trail = [];
    this.after = after;
    this.steps = NOWHERE; // cursors belong to one query
    this.#allow();
    const turn = ++this.turn;
    setText(this.message, this.table.tBodies[0].childElementCount ? "" : "Loading …");
    if (this.counted !== String(filter)) setText(this.total, "");
    let page;
    try {
      const answer = await fetch(`/api/${this.name}?${wanted}`);
      page = await answer.json();
      if (!answer.ok) throw new Error(`${sentence(page.error)}${REMEDIES[answer.status] ?? ""}`);
    } catch (error) {
      if (turn !== this.turn) return;
      this.#fill({ rows: [], after: null }, after);
      this.counted = null;
      setText(this.total, "");
      setText(this.message, error instanceof TypeError ? "The server does not answer. Press Show to try again." : shown(error.message));
      return;
    }
    if (turn !== this.turn) return; // a later query replaced this one
    this.#fill(page, after);
    setText(this.message, page.rows.length ? "" : this.#nothing(filter, after));
    await this.#count(filter, page, after, turn);
  }

  /** What to do where there is no row. */
  #nothing(filter, after) {
    if (after) return "This page is empty. Press First.";
    if (filter.get("name") && filter.get("name").trim().length < SHORT) {
      return "No matching rows. One or two characters find names that begin with them: write more, or clear a field.";
    }
    if ([...filter.keys()].some((name) => name !== "sort")) return "No matching rows. Clear a field, or choose other days.";
    return this.noun === "record" ? "Nothing is stored yet. Upload a picture and follow it under Live." : "Nothing has been rejected.";
  }

  /** Show how many rows the filter has. A failure shows nothing: the rows are there. */
  async #count(filter, page, after, turn) {
    const query = String(filter);
    if (this.counted === query) return;
    let found = { total: page.rows.length, more: false };
    if (after || page.after !== null) {
      try {
        const answer = await fetch(`/api/${this.name}/total?${filter}`);
        if (!answer.ok) return;
        found = await answer.json();
      } catch {
        return;
      }
    }
    if (turn !== this.turn) return;
    this.counted = query;
    setText(this.total, found.more ? `more than ${count(found.total)} ${this.noun}s; the CSV has the first ${count(found.total)}` : plural(found.total, this.noun));
  }

  #fill(page, after) {
    const rows = page.rows.map((row) => this.row({ ...row, label: row.outcome === "rejected" ? undefined : row.outcome }));
    this.table.tBodies[0].replaceChildren(...rows);
    this.table.hidden = rows.length === 0;
    startAtFirst(this.table, "a.open");
    this.steps = {
      first: after !== "" && "",
      previous: this.trail.length > 0 && this.trail.at(-1),
      next: page.after !== null && page.after,
    };
    this.#allow();
    this.paging.hidden = rows.length === 0 && after === "";
  }

  /** Enable the buttons that have a cursor. Disabled ones stay focusable, so that the focus is not lost. */
  #allow() {
    for (const button of this.paging.children) {
      button.setAttribute("aria-disabled", String(this.steps[button.dataset.step] === false));
    }
  }

  #step(name) {
    const to = this.steps[name];
    if (to === false) return;
    if (name === "first") this.trail = [];
    else if (name === "previous") this.trail.pop();
    else this.trail.push(this.after);
    this.#go(to);
  }

  opener(row) {
    return element(
      "a",
      { class: "open", href: `#/picture/${row.id}`, tabindex: "-1" },
      framed({ ...row, key: row.key ?? null }),
      row.key == null ? element("span", { class: "name" }, "(no object)") : alien(fileName(row.key), "name"),
    );
  }
}

const head = (child, title) => element("th", { scope: "row", title: shown(title ?? "") }, child);
const verdict = (row, label) => element("td", { class: "outcome" }, label, unsureChip(row));
const cell = (child, name) => element("td", { class: name }, child ?? "");

export class Records extends Pages {
  constructor() {
    super("records", "record", ["name", "class", "below", "since", "until", "sort"]);
    this.leftOut = byId("records-left-out");
  }

  /** Where a query of confidence leaves the rejected pictures out, lead to those of the same names and days. */
  show(wanted) {
    this.leftOut.hidden = !wanted.has("below") && wanted.get("sort") !== "least_sure";
    const there = new URLSearchParams({ reason: "not_a_pet" });
    for (const field of ["name", "since", "until"]) {
      if (wanted.has(field)) there.set(field, wanted.get(field));
    }
    this.leftOut.querySelector("a").setAttribute("href", `#/rejections?${there}`);
    return super.show(wanted);
  }

  row(row) {
    const label = chip(row);
    label.append(outcome(row));
    return element(
      "tr",
      {},
      head(this.opener(row), row.key),
      verdict(row, label),
      cell(row.confidence == null ? "" : percent(row.confidence)),
      cell(row.user == null ? "" : alien(row.user)),
      cell(time(row.uploaded), "when"),
      cell(time(row.stored), "later"),
    );
  }
}

export class Rejections extends Pages {
  constructor(reasons) {
    super("rejections", "rejection", ["name", "reason", "since", "until", "sort"]);
    for (const reason of reasons) {
      this.form.elements.reason.append(element("option", { value: reason }, reasonName(reason)));
    }
  }

  row(row) {
    const label = chip(row);
    label.append(outcome(row));
    return element(
      "tr",
      {},
      head(this.opener(row), row.key),
      verdict(row, label),
      cell(element("span", {}, alien(row.detail ?? "")), "detail"),
      cell(row.user == null ? "" : alien(row.user)),
      cell(time(row.uploaded), "when"),
    );
  }
}
