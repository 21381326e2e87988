// Arrow keys move through the links of a list or table; Tab passes the list in one step.

/** Make the first link the one that Tab reaches. */
export function startAtFirst(place, selector) {
  for (const link of place.querySelectorAll(`${selector}[tabindex="0"]`)) link.setAttribute("tabindex", "-1");
  place.querySelector(selector)?.setAttribute("tabindex", "0");
}

export function arrowKeys(place, selector) {
  place.addEventListener("keydown", (event) => {
    const links = [...place.querySelectorAll(selector)];
    const at = links.indexOf(document.activeElement);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const columns = links.findIndex((link) => link.offsetTop !== links[0].offsetTop);
    const row = columns > 0 ? columns : links.length > 1 && columns < 0 ? links.length : 1;
    const isGrid = columns !== 1;
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: isGrid ? at + row : at + 1,
      ArrowUp: isGrid ? at - row : at - 1,
      Home: 0,
      End: links.length - 1,
    }[event.key];
    if (to === undefined || !links[to]) return;
    event.preventDefault();
    links[to].focus();
  });
  place.addEventListener("focusin", (event) => {
    const link = event.target.closest(selector);
    if (!link) return;
    for (const other of place.querySelectorAll(`${selector}[tabindex="0"]`)) other.setAttribute("tabindex", "-1");
    link.setAttribute("tabindex", "0");
  });
}
