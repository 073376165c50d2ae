// From the state to the document. Nothing here talks to the server.

import { language, t } from './i18n.js';

export const $ = (id) => document.getElementById(id);

const VIEWS = { 'sign-in': 'sign-in-view', lobby: 'lobby-view', live: 'live-view', lost: 'lost-view' };

/** What a user is called on the page: telephones may withhold their number. */
export const nameOf = (id) => (!id || id === 'anonymous' ? t('withheld') : id);

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

function text(node, value) {
  if (node.textContent !== value) node.textContent = value; // an unchanged live region stays silent
}

function element(tag, className, content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (content !== undefined) node.textContent = content;
  return node;
}

/** Texts that never change but with the language. */
export function renderLanguage() {
  document.documentElement.lang = language();
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', t(node.dataset.label));
  for (const node of document.querySelectorAll('[data-placeholder]')) node.placeholder = t(node.dataset.placeholder);
  $('language').value = language();
}

export function render(state) {
  for (const [screen, id] of Object.entries(VIEWS)) $(id).hidden = screen !== state.screen;
  text($('status'), statusText(state));
  document.title = state.incoming
    ? t('titleRinging', { caller: nameOf(state.incoming.caller) })
    : state.screen === 'live'
      ? `${liveTitle(state.live)} · Omnigate`
      : t('title');
  $('sign-out').hidden = state.screen !== 'lobby';
  renderNotice(state);
  renderSignIn(state);
  renderLobby(state);
  if (state.live) renderLive(state.live);
  renderIncoming(state);
  for (const button of document.querySelectorAll('main button:not(.copy, .close), #sign-out, dialog button')) {
    button.disabled = Boolean(state.busy);
  }
}

function statusText(state) {
  const { screen, live, incoming, number, name } = state;
  if (screen === 'sign-in') return t(state.busy ? 'signingIn' : 'statusSignedOut');
  if (screen === 'lost') return t('statusLost');
  if (incoming) return t('statusRinging', { caller: nameOf(incoming.caller) });
  if (screen === 'live') {
    if (!isConnected(live)) return t('statusConnecting');
    return live.kind === 'call' ? t('statusInCall', { caller: nameOf(live.caller) }) : t('statusInRoom');
  }
  if (state.busy === 'session') return t('signingIn');
  const doing = t(number ? 'statusWaiting' : 'statusReady');
  return name ? `${doing} · ${t('signedInAs', { user: name })}` : doing;
}

const isConnected = (live) => live.connectedAt !== null;

function renderNotice({ notice }) {
  $('notice').hidden = !notice;
  if (!notice) return;
  $('notice').dataset.kind = notice.kind;
  text($('notice-text'), notice.texts.map(say).join(' '));
  $('hear').hidden = !notice.offersSound;
}

function renderSignIn({ busy }) {
  text($('sign-in'), t(busy ? 'signingIn' : 'signIn'));
  text($('reconnect'), t(busy ? 'reconnecting' : 'reconnect'));
}

function renderNumber(output, number) {
  if (output.dataset.number === number) return;
  output.dataset.number = number;
  // Two groups of three, without a space in the text: what is read, copied or tested are six digits.
  output.replaceChildren(element('span', '', number.slice(0, 3)), element('span', '', number.slice(3)));
  output.setAttribute('aria-label', [...number].join(' '));
}

function renderLobby(state) {
  $('number-none').hidden = Boolean(state.number);
  $('number-some').hidden = !state.number;
  renderNumber($('number'), state.number ?? '');
  keyed($('rooms'), state.rooms ?? [], (room) => room.room_id, newRoom, fillRoom);
  const empty = state.roomsFailed ? 'roomsUnknown' : 'noRooms';
  $('rooms-empty').hidden = !state.roomsFailed && (state.rooms === null || state.rooms.length > 0);
  text($('rooms-empty'), t(empty));
  text($('lost-body'), t(state.shutdown ? 'lostShutdown' : 'lostBody'));
}

// Keeps the rows that stay, so that focus and what is typed in them survive an update.
function keyed(list, items, keyOf, create, fill) {
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

function newRoom(room) {
  const row = element('li');
  const about = element('div', 'grow');
  about.append(element('span', 'name'), element('span', 'detail'));
  const entry = element('div', 'entry');
  row.append(about, entry);
  if (room.secret) {
    const secret = element('input');
    secret.maxLength = 6;
    secret.autocomplete = 'off';
    secret.dataset.testid = 'join-secret';
    entry.append(secret);
  }
  const join = element('button');
  join.type = 'button';
  join.dataset.testid = 'join';
  join.dataset.room = room.room_id;
  entry.append(join);
  return row;
}

function fillRoom(row, room) {
  const name = roomName(room);
  text(row.querySelector('.name'), name);
  const details = [t('people', { count: room.count })];
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

const liveTitle = (live) => (live.kind === 'call' ? t('callWith', { caller: nameOf(live.caller) }) : roomName(live.room));

function renderLive(live) {
  const isRoom = live.kind === 'room';
  text($('live-title'), liveTitle(live));
  $('live-view').dataset.kind = live.kind;
  const state = !isConnected(live) ? 'connecting' : live.media === 'disconnected' ? 'interrupted' : 'connected';
  text($('live-state'), t(state));
  $('live-state').dataset.state = state;
  renderDuration(live);
  $('room-part').hidden = !isRoom;
  if (isRoom) {
    $('room-number-part').hidden = !live.room.sip_number;
    $('room-number-none').hidden = Boolean(live.room.sip_number);
    renderNumber($('room-number'), live.room.sip_number ?? '');
    const self = { session: 'self', user_name: live.name, audio_mute: live.muted, isSelf: true };
    keyed($('participants'), [self, ...live.participants], (who) => who.session, newPerson, fillPerson);
    text($('coming-going'), live.lastMove ? say(live.lastMove) : '');
  }
  text($('mute'), t(live.muted ? 'unmute' : 'mute'));
  $('mute').dataset.muted = String(live.muted);
  text($('leave'), t(isRoom ? 'leaveRoom' : 'hangUp'));
}

export function renderDuration(live) {
  const shown = isConnected(live) ? clock(Math.floor((Date.now() - live.connectedAt) / 1000)) : '';
  text($('duration'), shown);
}

function newPerson() {
  const row = element('li');
  const symbol = element('span', 'symbol');
  symbol.setAttribute('aria-hidden', 'true');
  row.append(symbol, element('span', 'name grow'), element('span', 'mark'));
  return row;
}

function fillPerson(row, who) {
  const isPhone = who.call_type === 'sipcall';
  const name = who.isSelf ? who.user_name || t('you') : nameOf(who.user_name || who.user_id);
  row.dataset.kind = isPhone ? 'phone' : 'app';
  row.dataset.muted = String(Boolean(who.audio_mute));
  text(row.querySelector('.symbol'), isPhone ? '☎' : [...name][0].toUpperCase());
  text(row.querySelector('.name'), who.isSelf && who.user_name ? `${name} (${t('you')})` : name);
  const marks = [isPhone && t('phone'), who.audio_mute && t('muted')].filter(Boolean);
  text(row.querySelector('.mark'), marks.join(', '));
}

export function renderLevel(level) {
  $('level-fill').style.transform = `scaleX(${level.toFixed(3)})`;
  $('level').setAttribute('aria-valuenow', String(Math.round(level * 100)));
}

function renderIncoming({ incoming }) {
  const dialog = $('incoming');
  text($('incoming-caller'), incoming ? nameOf(incoming.caller) : '');
  const problem = incoming?.problem;
  $('incoming-error').hidden = !problem;
  text($('incoming-error'), problem ? say(problem) : '');
  if (incoming && !dialog.open) dialog.showModal();
  if (!incoming && dialog.open) dialog.close();
}
