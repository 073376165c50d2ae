// What is told of people, rooms and times, in the language of the moment.

import { t } from './i18n.js';

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
