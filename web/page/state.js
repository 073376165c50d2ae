// What the page knows, and the few ways to change it that every part of the page uses.

import { $ } from './dom.js';
import { explain } from './i18n.js';
import { render } from './view.js';

export const state = {
  screen: 'sign-in', // sign-in, lobby, live, recordings, lost
  busy: null, // name of the action under way
  notice: null, // {kind: 'info' | 'error', texts: [[key, values]], offersSound}
  name: '', // as given by the user
  userId: '', // as used by the server; kept over sessions
  number: null,
  rooms: null, // null: not known yet
  roomsFailed: false,
  people: [], // others who are signed in
  incoming: null, // {caller, session, callType, problem}
  live: null, // the call or room: see live.js
  kicking: null, // {session, who}: the question is open
  archive: null, // what the recordings view shows: see recordings.js
  devices: null, // the open devices dialog: see devices.js
  shutdown: false,
  omnitalk: null, // the client, while signed in
  ending: null, // {kind, text} to show when the socket closes, once we ourselves leave
};

export const update = () => render(state);

export function inform(...texts) {
  state.notice = { kind: 'info', texts };
}

export function complain(text) {
  state.notice = { kind: 'error', texts: [text] };
}

/** Runs one action of the user at a time; its failure is shown in words. */
export async function act(name, action) {
  if (state.busy) return;
  const focused = document.activeElement;
  state.busy = name;
  state.notice = null;
  update();
  try {
    await action();
  } catch (error) {
    if (error.code === undefined) console.error(error);
    if (state.screen !== 'lost') complain(explain(error)); // the lost view says what matters then
  }
  state.busy = null;
  update();
  // A disabled button loses the focus: give it back.
  if (document.activeElement === document.body && focused?.isConnected) focused.focus();
}

export function show(screen) {
  state.screen = screen;
  update();
  const first = { lobby: state.number ? '.copy' : '#get-number', live: '#live-title', recordings: '#recordings-title', lost: '#reconnect' }[screen];
  if (first) queueMicrotask(() => document.querySelector(first).focus());
}

/** Leaves room or call; the server closes the socket, and page.js goes on from there. */
export function leaveWith(notice, kind = 'info') {
  if (state.ending) return;
  state.ending = { kind, text: notice };
  state.busy = 'leave';
  update();
  state.omnitalk.leave().catch(() => {}); // `close` follows in any case
}

export const clicks = (id, action) => $(id).addEventListener('click', action);
