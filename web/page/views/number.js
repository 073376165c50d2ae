// A number that telephones key in.

import { element } from './dom.js';

export function renderNumber(output, number) {
  if (output.dataset.number === number) return;
  output.dataset.number = number;
  // Two groups of three, without a space in the text: what is read, copied or tested are six digits.
  output.replaceChildren(element('span', '', number.slice(0, 3)), element('span', '', number.slice(3)));
  output.setAttribute('aria-label', [...number].join(' '));
}
