// From the state to the document. Nothing here talks to the server.

import { canShareScreens, renderStage } from './stage.js';
import { canChat, renderChat } from './chat.js';
import { renderDevices } from './devices.js';
import { renderRecording } from './recording.js';
import { renderRecordings } from './recordings-view.js';
import { $, button, clock, element, keyed, nameOf, roomName, say, setOpen, text } from './dom.js';
import { language, t } from './i18n.js';

const VIEWS = { 'sign-in': 'sign-in-view', lobby: 'lobby-view', live: 'live-view', recordings: 'recordings-view', lost: 'lost-view' };
const ROOM_TYPES = { audioroom: 'typeAudio', videoroom: 'typeVideo', webinar: 'typeWebinar' };

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
  $('devices-lobby').hidden = state.screen !== 'lobby';
  renderNotice(state);
  renderSignIn(state);
  renderLobby(state);
  if (state.live) renderLive(state.live);
  renderIncoming(state);
  renderKicking(state);
  renderDevices(state);
  renderRecordings(state);
  for (const one of document.querySelectorAll('main button:not(.copy, .close), #sign-out, dialog button')) {
    one.disabled = Boolean(state.busy);
  }
  if (state.live?.switching) for (const id of ['mute', 'camera', 'screen']) $(id).disabled = true;
  renderRecording(state);
}

function statusText(state) {
  const { screen, live, incoming, number, name } = state;
  if (screen === 'sign-in') return t(state.busy ? 'signingIn' : 'statusSignedOut');
  if (screen === 'lost') return t('statusLost');
  if (incoming) return t('statusRinging', { caller: nameOf(incoming.caller) });
  if (screen === 'live') {
    if (!isConnected(live)) return t(live.outgoing ? 'statusCalling' : 'statusConnecting', { who: nameOf(live.other) });
    return live.kind === 'call' ? t('statusInCall', { caller: nameOf(live.other) }) : t('statusInRoom');
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

// -- lobby ------------------------------------------------------------------------------------------------------------

function renderLobby(state) {
  $('number-none').hidden = Boolean(state.number);
  $('number-some').hidden = !state.number;
  renderNumber($('number'), state.number ?? '');
  const rooms = (state.rooms ?? []).filter((room) => room.room_type in ROOM_TYPES);
  keyed($('rooms'), rooms, (room) => room.room_id, newRoom, fillRoom);
  const empty = state.roomsFailed ? 'roomsUnknown' : 'noRooms';
  $('rooms-empty').hidden = !state.roomsFailed && (state.rooms === null || rooms.length > 0);
  text($('rooms-empty'), t(empty));
  text($('lost-body'), t(state.shutdown ? 'lostShutdown' : 'lostBody'));
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

// -- call and room ----------------------------------------------------------------------------------------------------

const liveTitle = (live) => (live.kind === 'call' ? t('callWith', { caller: nameOf(live.other) }) : roomName(live.room));

function stateOf(live) {
  if (isConnected(live)) return live.media === 'disconnected' ? 'interrupted' : 'connected';
  if (!live.outgoing) return 'connecting';
  if (!live.rang) return 'calling';
  return live.isAbsent ? 'ringingAbsent' : 'ringingThere';
}

function renderLive(live) {
  const isRoom = live.kind === 'room';
  text($('live-title'), liveTitle(live));
  $('live-view').dataset.kind = live.kind;
  $('live-view').dataset.video = String(live.hasVideo);
  const now = stateOf(live);
  text($('live-state'), t(now, { who: nameOf(live.other) }));
  $('live-state').dataset.state = now;
  $('live-pulse').hidden = !['calling', 'ringingThere', 'ringingAbsent'].includes(now);
  renderDuration(live);
  renderStage(live);
  $('room-part').hidden = !isRoom;
  $('side').hidden = !isRoom && !(canChat(live) && live.panel === 'chat');
  $('side').dataset.panel = live.panel;
  if (isRoom) renderRoom(live);
  text($('coming-going'), live.lastMove ? say(live.lastMove) : '');
  renderChat(live);
  renderControls(live);
}

function renderRoom(live) {
  $('room-number-part').hidden = !live.room.sip_number;
  $('room-number-none').hidden = Boolean(live.room.sip_number);
  renderNumber($('room-number'), live.room.sip_number ?? '');
  const self = {
    session: 'self',
    user_name: live.name,
    audio_mute: live.muted,
    isSelf: true,
  };
  keyed($('participants'), [self, ...live.participants], (who) => who.session, newPerson, fillPerson);
  for (const panel of ['people', 'chat']) $(`show-${panel}`).setAttribute('aria-pressed', String(live.panel === panel));
  text($('people-count'), String(live.participants.length + 1));
  const { unread } = live.chat;
  $('unread').hidden = unread === 0;
  text($('unread-count'), String(unread));
  text($('unread-text'), t('unread', { count: unread }));
}

function renderCallChat(live) {
  const isOpen = live.panel === 'chat';
  const { unread } = live.chat;
  $('call-chat').hidden = live.kind !== 'call' || !canChat(live);
  $('call-chat').dataset.on = String(isOpen);
  $('call-chat').setAttribute('aria-expanded', String(isOpen));
  $('call-chat').setAttribute('aria-label', unread ? `${t('chat')}, ${t('unread', { count: unread })}` : t('chat'));
  $('call-unread').hidden = unread === 0;
  text($('call-unread'), String(unread));
}

function renderControls(live) {
  text($('mute-text'), t(live.muted ? 'unmute' : 'mute'));
  $('mute').dataset.off = String(live.muted);
  $('camera').hidden = !live.hasVideo;
  text($('camera-text'), t(live.camera === 'on' ? 'cameraOff' : 'cameraOn'));
  $('camera').dataset.off = String(live.camera !== 'on');
  $('screen').hidden = !live.hasVideo || live.kind === 'call' || !canShareScreens();
  text($('screen-text'), t(live.sharing ? 'screenStop' : 'screenShare'));
  $('screen').dataset.on = String(live.sharing);
  renderCallChat(live);
  const isCancel = live.outgoing && !isConnected(live);
  text($('leave-text'), t(live.kind === 'room' ? 'leaveRoom' : isCancel ? 'cancelCall' : 'hangUp'));
}

export function renderDuration(live) {
  const shown = isConnected(live) ? clock(Math.floor((Date.now() - live.connectedAt) / 1000)) : '';
  text($('duration'), shown);
}

function newPerson(who) {
  const row = element('li');
  const symbol = element('span', 'symbol');
  symbol.setAttribute('aria-hidden', 'true');
  const about = element('span', 'grow');
  about.append(element('span', 'name'), element('span', 'mark'));
  row.append(symbol, about);
  if (who.isSelf) return row;
  const deeds = element('span', 'deeds');
  if (who.call_type !== 'sipcall') deeds.append(button('small', 'whisper'));
  deeds.append(button('small', 'kick'));
  for (const one of deeds.children) one.dataset.session = who.session;
  row.append(deeds);
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
  const words = { whisper: ['whisper', 'whisperToSomebody'], kick: ['kick', 'kickSomebody'] };
  for (const one of row.querySelectorAll('button')) {
    const [short, long] = words[one.dataset.testid];
    text(one, t(short));
    one.setAttribute('aria-label', t(long, { who: name }));
  }
}

export function renderLevel(level) {
  $('level-fill').style.transform = `scaleX(${level.toFixed(3)})`;
  $('level').setAttribute('aria-valuenow', String(Math.round(level * 100)));
}

// -- dialogs ----------------------------------------------------------------------------------------------------------

function renderIncoming({ incoming }) {
  const titles = { videocall: 'incomingVideo', audiocall: 'incomingAudio', sipcall: 'incomingPhone' };
  text($('incoming-title'), t(titles[incoming?.callType] ?? 'incoming'));
  $('incoming').dataset.type = incoming?.callType ?? '';
  text($('answer'), t(incoming?.callType === 'videocall' ? 'answerVideo' : 'answer'));
  text($('incoming-caller'), incoming ? nameOf(incoming.caller) : '');
  const problem = incoming?.problem;
  $('incoming-error').hidden = !problem;
  text($('incoming-error'), problem ? say(problem) : '');
  setOpen($('incoming'), Boolean(incoming));
}

function renderKicking({ kicking }) {
  if (kicking) text($('kick-title'), t('kickQuestion', { who: nameOf(kicking.who) }));
  setOpen($('kick-dialog'), Boolean(kicking));
}
