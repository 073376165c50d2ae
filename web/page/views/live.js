// A call or room that we are in.

import { canChat } from '../chat.js';
import { t } from '../words/i18n.js';
import { clock, nameOf, roomName, say } from '../words/names.js';
import { renderChat } from './chat.js';
import { $, button, element, keyed, text } from './dom.js';
import { renderNumber } from './number.js';
import { canShareScreens, renderStage } from './stage.js';

export const isConnected = (live) => live.connectedAt !== null;

export const liveTitle = (live) => (live.kind === 'call' ? t('callWith', { caller: nameOf(live.other) }) : roomName(live.room));

function stateOf(live) {
  if (isConnected(live)) return live.media === 'disconnected' ? 'interrupted' : 'connected';
  if (!live.outgoing) return 'connecting';
  if (!live.rang) return 'calling';
  if (live.callType === 'sipcall') return 'ringingPhone';
  return live.isAbsent ? 'ringingAbsent' : 'ringingThere';
}

export function renderLive(state) {
  const { live } = state;
  const isRoom = live.kind === 'room';
  text($('live-title'), liveTitle(live));
  $('live-view').dataset.kind = live.kind;
  $('live-view').dataset.video = String(live.hasVideo);
  const now = stateOf(live);
  text($('live-state'), t(now, { who: nameOf(live.other) }));
  $('live-state').dataset.state = now;
  $('live-pulse').hidden = !['calling', 'ringingThere', 'ringingAbsent', 'ringingPhone'].includes(now);
  renderDuration(live);
  renderStage(state);
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

const KEYS = [...'123456789*0#'];

function renderKeypad(live) {
  const isPhone = live.kind === 'call' && live.callType === 'sipcall';
  $('keypad-open').hidden = !isPhone;
  $('keypad-open').dataset.on = String(live.keypad);
  $('keypad-open').setAttribute('aria-expanded', String(live.keypad));
  $('keypad').hidden = !isPhone || !live.keypad;
  text($('keys-pressed'), live.keys);
  keyed($('keys'), KEYS, (key) => key, () => button('', 'key'), (one, key) => {
    text(one, key);
    one.setAttribute('aria-label', t('pressKey', { key }));
  });
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
  renderKeypad(live);
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
