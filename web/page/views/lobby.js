// The lobby: the own number, people, rooms.

import { t } from '../words/i18n.js';
import { roomName } from '../words/names.js';
import { $, button, element, keyed, text } from './dom.js';
import { renderNumber } from './number.js';

const ROOM_TYPES = { audioroom: 'typeAudio', videoroom: 'typeVideo', webinar: 'typeWebinar' };

export function renderLobby(state) {
  $('number-none').hidden = Boolean(state.number);
  $('number-some').hidden = !state.number;
  renderNumber($('number'), state.number ?? '');
  const rooms = (state.rooms ?? []).filter((room) => room.room_type in ROOM_TYPES);
  keyed($('rooms'), rooms, (room) => room.room_id, newRoom, fillRoom);
  const empty = state.roomsFailed ? 'roomsUnknown' : 'noRooms';
  $('rooms-empty').hidden = !state.roomsFailed && (state.rooms === null || rooms.length > 0);
  text($('rooms-empty'), t(empty));
  const free = new Set(state.people.filter((one) => one.state === 'active').map((one) => one.user_id));
  free.delete(state.userId);
  keyed($('people'), [...free].sort(), (id) => id, () => element('option'), (option, id) => {
    option.value = id;
  });
  text($('people-free'), t(free.size ? 'peopleFree' : 'peopleNone', { count: free.size }));
}

function newRoom(room) {
  const row = element('li');
  const about = element('div', 'grow');
  const head = element('span', 'row-head');
  head.append(element('span', 'name'), element('span', 'type'));
  about.append(head, element('span', 'detail'));
  const entry = element('div', 'entry');
  row.append(about, entry);
  if (room.secret) {
    const secret = element('input');
    secret.maxLength = 6;
    secret.autocomplete = 'off';
    secret.dataset.testid = 'join-secret';
    entry.append(secret);
  }
  const join = button('', 'join');
  join.dataset.room = room.room_id;
  entry.append(join);
  return row;
}

function fillRoom(row, room) {
  const name = roomName(room);
  text(row.querySelector('.name'), name);
  text(row.querySelector('.type'), t(ROOM_TYPES[room.room_type]));
  row.querySelector('.type').dataset.type = room.room_type;
  const details = [t('people', { count: room.count })];
  if (room.secret) details.push(t('needsSecret'));
  if (room.sip_number) details.push(t('phoneNumber', { number: `${room.sip_number.slice(0, 3)} ${room.sip_number.slice(3)}` }));
  text(row.querySelector('.detail'), details.join(' · '));
  const secret = row.querySelector('input');
  if (secret) {
    secret.placeholder = t('secret');
    secret.setAttribute('aria-label', t('secretFor', { room: name }));
  }
  const join = row.querySelector('button');
  text(join, t('join'));
  join.setAttribute('aria-label', t('joinRoom', { room: name }));
}
