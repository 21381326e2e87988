// The latest pictures, and a summary now and then for screen readers.

import { Card } from "./cards.js";
import { byId, setText } from "./dom.js";
import { count, plural } from "./format.js";
import { startAtFirst, arrowKeys } from "./keyboard.js";

const CARDS_MAX = 60;
const ANNOUNCE_EVERY_MS = 15000;

export class Live {
  constructor() {
    this.cards = new Map();
    this.held = new Map(); // came while paused, by id; at most as many as a page shows
    this.heldCount = 0;
    this.isPaused = false;
    this.grid = byId("grid");
    this.results = { cat: 0, dog: 0, rejected: 0 };
    this.announcedAt = Date.now();
    arrowKeys(this.grid, "a.card");
    byId("pause").addEventListener("click", () => this.pause(!this.isPaused));
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    byId("pause").setAttribute("aria-pressed", String(isPaused));
    setText(byId("pause"), isPaused ? "Resume" : "Pause");
    if (!isPaused) {
      this.#put([...this.held.values()]);
      this.held.clear();
      this.heldCount = 0;
    }
    this.#showHeld();
  }

  take(pictures, missed, isFirst) {
    if (isFirst) this.#clear();
    if (!isFirst) this.#announce(pictures);
    const fresh = [];
    for (const picture of pictures) {
      const card = this.cards.get(picture.id);
      if (card) card.update(picture);
      else fresh.push(picture);
    }
    if (this.isPaused) this.#hold(fresh, missed);
    else this.#put(fresh, isFirst);
  }

  #put(pictures, isFirst = false) {
    for (const picture of pictures.slice(-CARDS_MAX)) {
      const card = new Card(picture);
      if (!isFirst) card.link.classList.add("fresh");
      this.cards.set(picture.id, card);
      this.grid.prepend(card.node);
    }
    // The oldest go first; one that has the focus stays until it has moved on.
    for (let last = this.grid.lastElementChild; last && this.grid.childElementCount > CARDS_MAX; ) {
      const before = last.previousElementSibling;
      if (!last.contains(document.activeElement)) {
        this.cards.delete(last.firstElementChild.hash.split("/").pop());
        last.remove();
      }
      last = before;
    }
    byId("empty").hidden = this.cards.size > 0;
    if (!this.grid.contains(document.activeElement)) startAtFirst(this.grid, "a.card");
  }

  #hold(pictures, missed) {
    for (const picture of pictures) {
      if (!this.held.has(picture.id)) this.heldCount += 1;
      this.held.set(picture.id, picture);
      if (this.held.size > CARDS_MAX) this.held.delete(this.held.keys().next().value);
    }
    this.heldCount += missed;
    this.#showHeld();
  }

  #showHeld() {
    setText(byId("held"), this.isPaused ? `${plural(this.heldCount, "more picture")} arrived` : "");
  }

  #clear() {
    this.cards.clear();
    this.grid.replaceChildren();
  }

  #announce(pictures) {
    for (const { label, reason, stored } of pictures) {
      if (stored == null && (label || reason)) this.results[label ?? "rejected"] += 1;
    }
    const all = this.results.cat + this.results.dog + this.results.rejected;
    if (all === 0 || Date.now() - this.announcedAt < ANNOUNCE_EVERY_MS) return;
    const { cat, dog, rejected } = this.results;
    setText(byId("announced"), `New results: ${plural(cat, "cat")}, ${plural(dog, "dog")}, ${count(rejected)} rejected.`);
    this.results = { cat: 0, dog: 0, rejected: 0 };
    this.announcedAt = Date.now();
  }
}
