// The details of one picture, in a dialog.

import { alien, byId, chip, element, framed } from "./dom.js";
import { duration, exact, fileName, outcome, percent, plural, REASONS, shown, time, WAITS } from "./format.js";

const STAGES = [
  ["uploaded", "uploaded"],
  ["queued", "queued"],
  ["decided", "classified"],
  ["stored", "stored"],
];

export class DetailsDialog {
  /** onClosed() is called when the reader closes it. */
  constructor(onClosed) {
    this.dialog = byId("details");
    this.id = null;
    byId("details-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => {
      this.id = null;
      onClosed();
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // beside the dialog
    });
  }

  get isOpen() {
    return this.dialog.open;
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  async show(id) {
    this.id = id;
    byId("details-title").replaceChildren("Picture");
    byId("details-body").replaceChildren(element("p", { class: "wide note", role: "status" }, "Loading …"));
    if (!this.dialog.open) this.dialog.showModal();
    byId("details-title").focus();
    await this.refresh();
  }

  /** Fetch again after a change. */
  async refresh() {
    const id = this.id;
    let picture;
    try {
      const answer = await fetch(`/api/pictures/${encodeURIComponent(id)}`);
      picture = await answer.json();
      if (!answer.ok) throw new Error(picture.error);
    } catch (error) {
      if (this.id === id) byId("details-body").replaceChildren(element("p", { class: "wide note", role: "status" }, shown(error.message)));
      return;
    }
    if (this.id === id) this.#fill(picture);
  }

  #fill(picture) {
    byId("details-title").replaceChildren(picture.key == null ? "A message that names no object" : alien(fileName(picture.key)));
    const body = byId("details-body");
    const open = new Set([...body.querySelectorAll("details[open]")].map((each) => each.dataset.name));
    if (this.frame?.dataset.of !== `${picture.id} ${picture.uploaded}`) this.frame = framedBig(picture);
    body.replaceChildren(
      this.frame,
      element("div", {}, outcomeOf(picture), scores(picture), element("h3", {}, "Timeline"), timeline(picture)),
      element("section", { class: "wide" }, element("h3", {}, "Facts"), facts(picture)),
      element("section", { class: "wide" }, ...raw(picture, open)),
    );
  }
}

function framedBig(picture) {
  const frame = framed({ ...picture, key: picture.key ?? null }, { name: "big", alt: "The picture", lazy: false, why: "Browsers cannot show this file." });
  frame.dataset.of = `${picture.id} ${picture.uploaded}`;
  return frame;
}

function outcomeOf(picture) {
  const label = chip(picture);
  label.append(outcome(picture) ?? (picture.parked ? "waits" : "no outcome yet"));
  const verdict = element("div", { class: "verdict" }, label);
  if (picture.confidence != null) verdict.append(element("span", { class: "confidence" }, percent(picture.confidence)));
  if (picture.reason) verdict.append(element("p", {}, (REASONS[picture.reason] ?? ["", ""])[1]));
  if (picture.detail) verdict.append(element("p", {}, alien(picture.detail)));
  if (picture.parked) verdict.append(...waiting(picture.parked));
  return verdict;
}

/** A parked upload. Details that come from the store begin with HTTP and the status. */
function waiting({ reason, detail, attempts, first_failed: failed, due }) {
  const when = due > Date.now() ? ` at ${time(due)}` : `, due since ${time(due)}`;
  const answer = /^HTTP (?=\d)/.exec(detail);
  const why = answer ? "the store answered " : `${WAITS[reason] ?? reason}${detail ? ": " : ""}`;
  return [
    element("p", { class: "parked" }, `It waits for its next attempt${when}, because ${why}`, alien(answer ? detail.slice(answer[0].length) : detail)),
    element("p", { class: "note" }, `${plural(attempts, "attempt")} so far; the first ended at ${time(failed)}.`),
  ];
}

function scores({ scores: found }) {
  if (!found) return null;
  const list = element("dl", { class: "scores" });
  for (const [name, share] of Object.entries(found)) {
    const fill = element("span");
    fill.style.width = `${share * 100}%`;
    list.append(
      element("div", {}, element("dt", {}, name), element("dd", {}, element("span", { class: `bar-of ${name}`, "aria-hidden": "true" }, fill), element("b", {}, percent(share)))),
    );
  }
  return list;
}

function timeline(picture) {
  const list = element("ol", { class: "timeline" });
  let before = null;
  for (const [name, word] of STAGES) {
    const moment = picture[name];
    if (moment == null && (name === "queued" || name === "decided") && picture.stored != null) continue; // known from the tables alone
    const happened = name === "decided" && picture.reason ? "rejected" : word;
    const item = element("li", { class: moment == null ? "open-end" : "" }, element("span", {}, happened));
    if (moment == null) item.append(element("span", { class: "waits note" }, "not yet"));
    else {
      item.append(element("time", { datetime: new Date(moment).toISOString(), title: time(moment) }, name === "uploaded" ? `${time(moment).replace(/\d\d:\d\d:\d\d$/, "")}${exact(moment)}` : exact(moment)));
      const took = before == null ? "" : `+${duration(Math.max(0, moment - before))}`;
      const work = name === "decided" && picture.work != null ? ` (${duration(picture.work)} in the classifier)` : "";
      item.append(element("span", { class: "after" }, took + work));
      before = moment;
    }
    list.append(item);
  }
  return list;
}

function facts(picture) {
  const model = picture.model && `${picture.model}${picture.model_rev == null ? "" : `, revision ${picture.model_rev}`}`;
  const known = [
    ["user", picture.user],
    ["object", picture.url],
    ["id", picture.id],
    ["version", picture.version_id],
    ["etag", picture.etag],
    ["sequencer", picture.sequencer?.replace(/(?<=.)0+$/, "")],
    ["model", model],
    ["model's file", picture.model_sha256 && `sha256 ${picture.model_sha256}`],
    ["trace", picture.trace_id],
    ["waits at", picture.parked?.topic],
  ];
  const list = element("dl", { class: "facts" });
  for (const [name, value] of known) {
    if (value) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, alien(value))));
  }
  return list;
}

function raw(picture, open) {
  const parts = [
    ["event", "The event on its topic", picture.event],
    ["upload", "The notification as received", picture.upload_event],
  ];
  return parts
    .filter(([, , text]) => text)
    .map(([name, title, text]) =>
      element("details", { "data-name": name, open: open.has(name) }, element("summary", {}, title), element("pre", { tabindex: "0" }, lines(text))),
    );
}

/** Text of several lines: each passed through shown(), the breaks kept. */
const lines = (text) => text.split("\n").map(shown).join("\n");
