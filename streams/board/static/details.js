// One picture's whole story, in a dialog.

import { alien, byId, chip, element, framed } from "./dom.js";
import { duration, exact, fileName, outcome, percent, plural, REASONS, shown, time, WAITS } from "./format.js";

const WAY = [
  ["uploaded", "uploaded"],
  ["queued", "queued"],
  ["decided", "classified"],
  ["stored", "stored"],
];

export class StoryDialog {
  /** onClosed() is called when the reader closes it. */
  constructor(onClosed) {
    this.dialog = byId("story");
    this.id = null;
    byId("story-close").addEventListener("click", () => this.dialog.close());
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
    byId("story-title").replaceChildren("Picture");
    byId("story-body").replaceChildren(element("p", { class: "wide note", role: "status" }, "Looking …"));
    if (!this.dialog.open) this.dialog.showModal();
    byId("story-title").focus();
    await this.refresh();
  }

  /** Ask again: something changed while it is being looked at. */
  async refresh() {
    const id = this.id;
    let story;
    try {
      const answer = await fetch(`/api/pictures/${encodeURIComponent(id)}`);
      story = await answer.json();
      if (!answer.ok) throw new Error(story.error);
    } catch (error) {
      if (this.id === id) byId("story-body").replaceChildren(element("p", { class: "wide note", role: "status" }, shown(error.message)));
      return;
    }
    if (this.id === id) this.#fill(story);
  }

  #fill(story) {
    byId("story-title").replaceChildren(story.key == null ? "A message that names no object" : alien(fileName(story.key)));
    const body = byId("story-body");
    const open = new Set([...body.querySelectorAll("details[open]")].map((each) => each.dataset.name));
    const picture = this.picture?.dataset.of === `${story.id} ${story.uploaded}` ? this.picture : framedBig(story);
    this.picture = picture;
    body.replaceChildren(
      picture,
      element("div", {}, verdict(story), scores(story), element("h3", {}, "Its way"), way(story)),
      element("section", { class: "wide" }, element("h3", {}, "Facts"), facts(story)),
      element("section", { class: "wide" }, ...raw(story, open)),
    );
  }
}

function framedBig(story) {
  const frame = framed({ ...story, key: story.key ?? null }, { name: "big", alt: "The picture", lazy: false, why: "A browser shows no preview of this." });
  frame.dataset.of = `${story.id} ${story.uploaded}`;
  return frame;
}

function verdict(story) {
  const label = chip(story);
  label.append(outcome(story) ?? (story.parked ? "waits" : "no outcome yet"));
  const said = element("div", { class: "verdict" }, label);
  if (story.confidence != null) said.append(element("span", { class: "confidence" }, percent(story.confidence)));
  if (story.reason) said.append(element("p", {}, (REASONS[story.reason] ?? ["", ""])[1]));
  if (story.detail) said.append(element("p", {}, alien(story.detail)));
  if (story.parked) said.append(...waiting(story.parked));
  return said;
}

/** What a parked upload waits for. The details of what a store answered begin with HTTP and its status. */
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

function way(story) {
  const list = element("ol", { class: "way" });
  let before = null;
  for (const [name, word] of WAY) {
    const moment = story[name];
    if (moment == null && (name === "queued" || name === "decided") && story.stored != null) continue; // nobody told, long ago
    const happened = name === "decided" && story.reason ? "rejected" : word;
    const item = element("li", { class: moment == null ? "open-end" : "" }, element("span", {}, happened));
    if (moment == null) item.append(element("span", { class: "waits note" }, "not yet"));
    else {
      item.append(element("time", { datetime: new Date(moment).toISOString(), title: time(moment) }, name === "uploaded" ? `${time(moment).replace(/\d\d:\d\d:\d\d$/, "")}${exact(moment)}` : exact(moment)));
      const took = before == null ? "" : `+${duration(Math.max(0, moment - before))}`;
      const work = name === "decided" && story.work != null ? ` (${duration(story.work)} in the classifier)` : "";
      item.append(element("span", { class: "after" }, took + work));
      before = moment;
    }
    list.append(item);
  }
  return list;
}

function facts(story) {
  const model = story.model && `${story.model}${story.model_rev == null ? "" : `, revision ${story.model_rev}`}`;
  const known = [
    ["user", story.user],
    ["object", story.url],
    ["id", story.id],
    ["version", story.version_id],
    ["etag", story.etag],
    ["sequencer", story.sequencer?.replace(/(?<=.)0+$/, "")],
    ["model", model],
    ["model's file", story.model_sha256 && `sha256 ${story.model_sha256}`],
    ["trace", story.trace_id],
    ["waits at", story.parked?.topic],
  ];
  const list = element("dl", { class: "facts" });
  for (const [name, value] of known) {
    if (value) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, alien(value))));
  }
  return list;
}

function raw(story, open) {
  const parts = [
    ["event", "The event as it stands on its topic", story.event],
    ["upload", "The notification as it came", story.upload_event],
  ];
  return parts
    .filter(([, , text]) => text)
    .map(([name, title, text]) =>
      element("details", { "data-name": name, open: open.has(name) }, element("summary", {}, title), element("pre", { tabindex: "0" }, lines(text))),
    );
}

/** Text of several lines: each made showable, the breaks kept. */
const lines = (text) => text.split("\n").map(shown).join("\n");
