// From the state to the document. Nothing here talks to the server.

import { language, t } from '../words/i18n.js';
import { nameOf, say } from '../words/names.js';
import { renderDevices } from './devices.js';
import { $, setOpen, text } from './dom.js';
import { isConnected, liveTitle, renderLive } from './live.js';
import { renderLobby } from './lobby.js';
import { renderRecording } from './recording.js';
import { renderRecordings } from './recordings.js';

const VIEWS = { 'sign-in': 'sign-in-view', lobby: 'lobby-view', live: 'live-view', recordings: 'recordings-view', lost: 'lost-view' };

/** Texts that never change but with the language. */
export function renderLanguage() {
  document.documentElement.lang = language();
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', t(node.dataset.label));
  for (const node of document.querySelectorAll('[data-placeholder]')) node.placeholder = t(node.dataset.placeholder);
  $('language').value = language();
}

export function render(state) {
  keepFocus(state, () => renderAll(state));
}

function renderAll(state) {
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
  if (state.live) renderLive(state);
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

// -- the keyboard -----------------------------------------------------------------------------------------------------

let wasBusy = false;
let focused = null; // before the action that is under way

/** A disabled button loses the focus: it gets it back when the action has ended. */
function keepFocus({ busy }, draw) {
  const isBusy = Boolean(busy);
  if (isBusy && !wasBusy) focused = document.activeElement;
  draw();
  if (!isBusy && wasBusy && document.activeElement === document.body && focused?.isConnected) focused.focus();
  wasBusy = isBusy;
}

/** Moves the keyboard there, once what is being done has been drawn. */
export const focus = (selector) => queueMicrotask(() => document.querySelector(selector)?.focus());

// -- what is always there ---------------------------------------------------------------------------------------------

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

function renderNotice({ notice }) {
  $('notice').hidden = !notice;
  if (!notice) return;
  $('notice').dataset.kind = notice.kind;
  text($('notice-text'), notice.texts.map(say).join(' '));
  $('hear').hidden = !notice.offersSound;
}

function renderSignIn({ busy, shutdown }) {
  text($('sign-in'), t(busy ? 'signingIn' : 'signIn'));
  text($('reconnect'), t(busy ? 'reconnecting' : 'reconnect'));
  text($('lost-body'), t(shutdown ? 'lostShutdown' : 'lostBody'));
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
