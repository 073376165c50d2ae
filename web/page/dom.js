// What everything that is shown needs: nodes, names, texts in the language of the moment.

import { t } from './i18n.js';

export const $ = (id) => document.getElementById(id);

/** What a user is called on the page: telephones may withhold their number. */
export const nameOf = (id) => (!id || id === 'anonymous' ? t('withheld') : id);

/** The name as a value of a text that is shown later, perhaps in another language. */
export const nameLater = (id) => () => nameOf(id);

export const roomName = (room) => room.subject || t('unnamedRoom', { id: room.room_id.slice(0, 6) });

/** Seconds as 1:05 or 1:02:05. */
export function clock(seconds) {
  const two = (value) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A `[key, values]` text; a value may be a function, asked in the language of the moment. */
export function say([key, values = {}]) {
  const asked = Object.entries(values).map(([name, value]) => [name, typeof value === 'function' ? value() : value]);
  return t(key, Object.fromEntries(asked));
}

export function text(node, value) {
  if (node.textContent !== value) node.textContent = value; // an unchanged live region stays silent
}

export function element(tag, className, content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (content !== undefined) node.textContent = content;
  return node;
}

export function button(className, testid) {
  const node = element('button', className);
  node.type = 'button';
  node.dataset.testid = testid;
  return node;
}

/** Keeps the rows that stay, so that focus and what is typed or played in them survive an update. */
export function keyed(list, items, keyOf, create, fill) {
  const old = new Map([...list.children].map((row) => [row.dataset.key, row]));
  items.forEach((item, index) => {
    const key = keyOf(item);
    let row = old.get(key);
    old.delete(key);
    if (!row) {
      row = create(item);
      row.dataset.key = key;
    }
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    fill(row, item);
  });
  for (const row of old.values()) row.remove();
}

/** Opens and closes a modal dialog as the state says. */
export function setOpen(dialog, open) {
  if (open && !dialog.open) dialog.showModal();
  if (!open && dialog.open) dialog.close();
}
