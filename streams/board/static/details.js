// The details of one picture, in a dialog. A click enlarges the picture; arrow keys lead to the next one.

import { alien, byId, chip, element, framed, setText, unsureChip } from "./dom.js";
import { count, duration, exact, fileName, outcome, percent, plural, REASONS, shown, time, WAITS } from "./format.js";

const STAGES = [
  ["uploaded", "uploaded"],
  ["queued", "queued"],
  ["decided", "classified"],
  ["stored", "stored"],
];

const STEPS = { previous: -1, next: 1 };

export class DetailsDialog {
  /**
   * onClosed(id) is called when the reader closes it, with the picture seen last. listed() gives the ids of the
   * pictures below the dialog, in their order; onWalk(id) is called to show another one of them.
   */
  constructor({ onClosed, listed, onWalk }) {
    this.dialog = byId("details");
    this.enlarger = byId("details-enlarge");
    this.listed = listed;
    this.onWalk = onWalk;
    this.id = null;
    byId("details-close").addEventListener("click", () => this.dialog.close());
    for (const step of Object.keys(STEPS)) byId(`details-${step}`).addEventListener("click", () => this.#walk(step));
    this.enlarger.addEventListener("click", () => this.#enlarge(!this.isEnlarged));
    document.addEventListener("keydown", (event) => this.isOpen && this.#takeKey(event));
    this.dialog.addEventListener("close", () => {
      const { id } = this;
      this.id = null;
      this.#enlarge(false);
      onClosed(id);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // beside the dialog
    });
  }

  get isEnlarged() {
    return this.dialog.classList.contains("enlarged");
  }

  #enlarge(isEnlarged) {
    this.dialog.classList.toggle("enlarged", isEnlarged);
    this.enlarger.setAttribute("aria-pressed", String(isEnlarged));
  }

  #takeKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === "Escape" && this.isEnlarged) this.#enlarge(false);
    else if (event.key === "ArrowLeft") this.#walk("previous");
    else if (event.key === "ArrowRight") this.#walk("next");
    else return;
    event.preventDefault();
  }

  #neighbour(step) {
    const ids = this.listed();
    const at = ids.indexOf(this.id);
    return at < 0 ? undefined : ids[at + STEPS[step]];
  }

  #walk(step) {
    const id = this.#neighbour(step);
    if (id) this.onWalk(id);
  }

  /** Enable the steps that lead somewhere. Disabled ones stay focusable, so that the focus is not lost. */
  #showPlace(name) {
    const ids = this.listed();
    const at = ids.indexOf(this.id);
    for (const step of Object.keys(STEPS)) {
      byId(`details-${step}`).setAttribute("aria-disabled", String(!this.#neighbour(step)));
    }
    byId("details-place").replaceChildren(
      ...(at < 0 ? [] : [`${count(at + 1)} of ${count(ids.length)}`, element("span", { class: "unseen" }, `: ${name}`)]),
    );
  }

  get isOpen() {
    return this.dialog.open;
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  async show(id) {
    this.id = id;
    if (!this.dialog.open) {
      setText(byId("details-title"), "Picture");
      this.#message("Loading …");
      this.dialog.showModal();
      byId("details-title").focus();
    }
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
      if (this.id !== id) return;
      setText(byId("details-title"), "Picture");
      this.#message(error instanceof TypeError ? "The server does not answer." : shown(error.message));
      this.#showPlace("");
      return;
    }
    if (this.id === id) this.#fill(picture);
  }

  #message(text) {
    this.enlarger.hidden = true;
    this.frame = null;
    byId("details-body").replaceChildren(element("p", { class: "wide note", role: "status" }, text));
  }

  #fill(picture) {
    const name = picture.key == null ? "A message that names no object" : fileName(picture.key);
    byId("details-title").replaceChildren(picture.key == null ? name : alien(name));
    this.#showPlace(`${name}, ${outcome(picture) ?? "no outcome yet"}`);
    const body = byId("details-body");
    const open = new Set([...body.querySelectorAll("details[open]")].map((each) => each.dataset.name));
    if (this.frame?.dataset.of !== `${picture.id} ${picture.uploaded}`) {
      this.frame = framedBig(picture);
      this.enlarger.replaceChildren(this.frame, element("span", { class: "unseen" }, "Enlarge the picture"));
      this.enlarger.hidden = picture.key == null;
    }
    body.replaceChildren(
      element("div", {}, outcomeOf(picture), scores(picture), element("h3", {}, "Timeline"), timeline(picture)),
      element("section", { class: "wide" }, element("h3", {}, "Facts"), facts(picture)),
      element("section", { class: "wide" }, ...raw(picture, open)),
    );
  }
}

function framedBig(picture) {
  const frame = framed({ ...picture, key: picture.key ?? null }, { name: "big", lazy: false, large: true });
  frame.dataset.of = `${picture.id} ${picture.uploaded}`;
  return frame;
}

function outcomeOf(picture) {
  const label = chip(picture);
  label.append(outcome(picture) ?? (picture.parked ? "waits" : "no outcome yet"));
  const verdict = element("div", { class: "verdict" }, label);
  if (picture.unsure) verdict.append(unsureChip(picture));
  if (picture.confidence != null) verdict.append(element("span", { class: "confidence" }, percent(picture.confidence)));
  if (picture.unsure) verdict.append(element("p", {}, "The model is unsure: the score of this outcome is below 90 %. Look at the picture yourself."));
  else if (picture.reason) verdict.append(element("p", {}, (REASONS[picture.reason] ?? ["", ""])[1]));
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

/** All three scores, or that of the label: rows of labels have no others. */
function scores({ scores: found, label, confidence }) {
  if (!found && confidence == null) return null;
  const list = element("dl", { class: "scores" });
  const known = found ?? { [label]: confidence, "the others": Math.max(0, 1 - confidence) };
  for (const [name, share] of Object.entries(known)) {
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
