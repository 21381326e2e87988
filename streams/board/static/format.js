// Formats values. Foreign text passes through shown() and reaches the page as text, never as markup.

const NOT_SHOWN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** Text with U+FFFD for characters that are invisible or change the writing direction. */
export function shown(text) {
  const visible = String(text).replace(NOT_SHOWN, "\ufffd");
  return visible.toWellFormed?.() ?? visible;
}

export const REASONS = {
  not_a_pet: ["not a pet", "The model sees neither a cat nor a dog, or is not sure enough which."],
  undecodable: ["undecodable", "It starts like a picture, but cannot be decoded to its end."],
  unsupported_format: ["unsupported format", "These bytes are in no supported picture format."],
  too_many_bytes: ["too many bytes", "The file exceeds the size limit."],
  too_many_pixels: ["too many pixels", "The picture exceeds the pixel limit."],
  missing: ["missing", "The store no longer has the object."],
  forbidden: ["forbidden", "The store does not let the classifier read this object."],
  no_user: ["no user", "Neither metadata nor the key names a user that can be stored."],
  malformed_event: ["malformed event", "The message does not say which object was written."],
  decoder_crashed: ["decoder crashed", "The picture crashed or hung its decoder, twice."],
  unavailable: ["unavailable", "The store did not return the object at any attempt."],
  failed: ["failed", "petstream failed on it at each attempt. An alert was raised."],
};

/** Why an attempt had no outcome. */
export const WAITS = {
  missing: "the store has no such object",
  forbidden: "the store does not let the classifier read it",
  unavailable: "the store did not return it",
  decoder_crashed: "it crashed or hung its decoder",
  failed: "petstream failed on it",
};

export const reasonName = (reason) => (REASONS[reason] ?? [reason])[0];

const whole = new Intl.NumberFormat();
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export const count = (number) => whole.format(number);
export const rate = (number) => (number >= 100 || number === 0 ? whole.format(Math.round(number)) : tenths.format(number));
/** Per cent, rounded down to tenths, so that nothing below certainty reads as 100 %. */
export const percent = (share) => (share > 0.999 ? "> 99.9 %" : `${tenths.format(Math.floor(share * 1000) / 10)} %`);
export const wholePercent = (share) => (share < 0.005 ? "< 1 %" : `${whole.format(Math.round(share * 100))} %`);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const exact = (ms) => `${clock.format(ms)}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;

const isToday = (ms) => new Date(ms).toDateString() === new Date().toDateString();
/** 12:03:07 today, else 3 Mar 2026, 12:03:07. */
export const time = (ms) => (isToday(ms) ? clock.format(ms) : `${day.format(ms)}, ${clock.format(ms)}`);
/** As time, without seconds. */
export const since = (ms) => (isToday(ms) ? minute.format(ms) : `${day.format(ms)}, ${minute.format(ms)}`);

/** 12:03, of the last day. */
export const ofDay = (ms) => minute.format(ms);

/** A duration of so many milliseconds. Machines' clocks differ, so a small negative one is 0. */
export function duration(ms) {
  if (ms < -1000) return "–";
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59500) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.round(ms / 60000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(ms / 3600000);
  return hours < 48 ? `${hours} h` : `${count(Math.round(hours / 24))} days`;
}

/** As duration, in whole seconds: of something that goes on. */
export const ageOf = (ms) => (ms < 59500 ? `${Math.floor(ms / 1000)} s` : duration(ms));

/** cat 61.0 %, dog 30.0 %, neither 9.0 %: the scores as text. */
export const scoreText = (scores) =>
  Object.entries(scores)
    .map(([label, score]) => `${label} ${percent(score)}`.replaceAll(" ", "\u00a0")) // a line breaks between scores only
    .join(", ");

/** A message of the server as a sentence. */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/[^.!?]$/, "$&.");

/** The last part of a key. */
export const fileName = (key) => shown(key.slice(key.lastIndexOf("/") + 1) || key);

/** A picture's outcome: cat, dog, or the reason's name; undefined while there is none. */
export const outcome = (picture) => picture.label ?? (picture.reason && reasonName(picture.reason));
