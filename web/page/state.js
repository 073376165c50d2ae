// What the page knows, and how others learn that it has changed. Nothing here draws.

import { signal } from './signal.js';

export const state = {
  screen: 'sign-in', // sign-in, lobby, live, recordings, lost
  busy: null, // name of the action under way
  notice: null, // {kind: 'info' | 'error', texts: [[key, values]], offersSound}
  name: '', // as given by the user
  userId: '', // as used by the server; kept over sessions
  serviceId: '',
  guest: null, // who has come by a join token: see guest.js
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

/** The state has changed. */
export const changes = signal();

/** The level of the microphone, 0 to 1: too often for drawing all. */
export const levels = signal();

/** Where the keyboard is to be, as a selector, once all is drawn. */
export const focuses = signal();

export const update = () => changes.tell(state);

export const focusOn = (selector) => focuses.tell(selector);

export function inform(...texts) {
  state.notice = { kind: 'info', texts };
}

export function complain(text) {
  state.notice = { kind: 'error', texts: [text] };
}

export function show(screen) {
  state.screen = screen;
  update();
  const first = { lobby: state.number ? '.copy' : '#get-number', live: '#live-title', recordings: '#recordings-title', lost: '#reconnect' }[screen];
  if (first) focusOn(first);
}
