// One picture as a card. A card is created once and updated in place, which keeps focus and image.

import { alien, chip, element, framed, setText } from "./dom.js";
import { duration, fileName, outcome, percent, reasonName, scoreText, shown, time } from "./format.js";

const IMAGE_AFTER_MS = 250; // at a high rate, cards are replaced before their images could load

const STAGES = [
  ["queue", "s1", (p) => span(p.uploaded, p.queued ?? (p.decided && p.uploaded))],
  ["classify", "s2", (p) => span(p.queued ?? p.uploaded, p.decided)],
  ["store", "s3", (p) => span(p.decided, p.stored)],
];

const span = (from, to) => (from == null || to == null ? null : Math.max(0, to - from));

export class Card {
  constructor(picture) {
    this.image = element("div", { class: "frame" });
    this.chip = element("span", { class: "chip" });
    this.unsure = element("span", { class: "chip unsure", hidden: true }, "unsure");
    this.confidence = element("span", { class: "confidence" });
    this.scores = element("p", { class: "who", hidden: true });
    this.name = alien(picture.key == null ? "(no object)" : fileName(picture.key), "name");
    this.who = element("p", { class: "who" });
    this.strip = element("div", { class: "strip", "aria-hidden": "true" });
    this.times = element("dl");
    for (const [label, name] of STAGES) {
      this.strip.append(element("span", { class: name }));
      this.times.append(element("div", {}, element("dt", {}, label), element("dd", {}, "–")));
    }
    this.link = element(
      "a",
      { class: "card", href: `#/picture/${picture.id}`, tabindex: "-1" },
      this.image,
      element(
        "div",
        { class: "body" },
        element("div", { class: "row" }, this.chip, this.unsure, this.confidence),
        this.scores,
        element("p", { class: "name", title: shown(picture.key ?? "") }, this.name),
        this.who,
        element("div", { class: "stages" }, this.strip, this.times),
      ),
    );
    this.node = element("li", {}, this.link);
    this.uploaded = null;
    this.update(picture);
  }

  update(picture) {
    this.picture = picture;
    if (picture.uploaded !== this.uploaded) this.#showLater(picture);
    const word = outcome(picture) ?? (picture.parked ? `waits: ${reasonName(picture.parked)}` : picture.queued ? "queued" : "uploaded");
    this.chip.className = chip(picture).className;
    setText(this.chip, word);
    setText(this.confidence, picture.confidence == null ? "" : percent(picture.confidence));
    this.unsure.hidden = this.scores.hidden = !picture.unsure;
    setText(this.scores, picture.unsure ? scoreText(picture.unsure) : "");
    this.who.replaceChildren(...(picture.user ? [alien(picture.user)] : []), element("span", {}, time(picture.uploaded)));
    const spans = STAGES.map(([, , of]) => of(picture));
    const whole = spans.reduce((sum, each) => sum + (each ?? 0), 0) || 1;
    spans.forEach((ms, index) => {
      const bar = this.strip.children[index];
      bar.style.flexGrow = String((ms ?? 0) / whole);
      bar.classList.toggle("has", ms != null);
      const took = this.times.children[index].lastChild;
      setText(took, ms == null ? "…" : duration(ms));
      took.classList.toggle("pending", ms == null);
    });
  }

  #showLater(picture) {
    this.uploaded = picture.uploaded;
    setTimeout(() => {
      if (!this.node.isConnected || picture.uploaded !== this.uploaded) return;
      const frame = framed(picture);
      this.image.replaceWith(frame);
      this.image = frame;
    }, IMAGE_AFTER_MS);
  }
}
