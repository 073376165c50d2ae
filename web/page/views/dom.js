// Nodes of the document.

export const $ = (id) => document.getElementById(id);

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
