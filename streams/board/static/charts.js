// Paths of the charts: a slot is 1 wide, the height is HEIGHT, and y grows downwards. Null is a slot without a value.

export const HEIGHT = 48;
const SEEN = 1.5; // the least height of what is not zero
const BAR = 0.8;

const y = (value, most) => HEIGHT - (value ? Math.max(SEEN, (value / most) * HEIGHT) : 0);
const around = (value) => Math.round(value * 100) / 100;

/** A bar in each slot, from one value to the other. */
export function bars(values, most, from = values.map(() => 0), width = BAR) {
  return values
    .map((value, slot) => (value == null || value === from[slot] ? "" : `M${slot} ${around(y(from[slot], most))}V${around(y(value, most))}h${width}V${around(y(from[slot], most))}z`))
    .join("");
}

/** The same without spaces between them. */
export const band = (values, most, from) => bars(values, most, from, 1);

/** A line in steps. It ends where a value is missing. */
export function line(values, most) {
  let isDown = false;
  return values
    .map((value, slot) => {
      const to = value == null ? "" : `${isDown ? "L" : "M"}${slot} ${around(y(value, most))}h1`;
      isDown = value != null;
      return to;
    })
    .join("");
}

/** The whole height of the slots that have no news. */
export const gaps = (values) => values.map((value, slot) => (value == null ? `M${slot} 0V${HEIGHT}h1V0z` : "")).join("");

/** The shares of each slot, one on top of the other, as sums from the bottom: of 1 at the top. */
export function stacked(rows) {
  const sums = [rows[0].map(() => 0)];
  for (const row of rows) sums.push(row.map((value, slot) => sums.at(-1)[slot] + (value ?? 0)));
  const all = sums.at(-1);
  return sums.map((row) => row.map((value, slot) => (all[slot] ? value / all[slot] : 0)));
}
