// The session with the server: its beginning and end, and where the server's events lead.

import { Omnitalk } from '../client/omnitalk.js';
import { act } from './actions.js';
import { answeredElsewhere, callerLeft, endIncoming, rings, ringsThere } from './calls.js';
import { heard } from './chat.js';
import { applyDevices } from './devices.js';
import { refreshLobby, refreshParticipants } from './lists.js';
import { connected, endLive, endedText, left, mediaChanged } from './live.js';
import { recordedNow } from './recording.js';
import { cameraFailed, othersMuted, removeTile, screenEnded, watch } from './stage.js';
import { focusOn, inform, show, state, update } from './state.js';

const CLOSE_REMOVED = 4000;
const CLOSE_NORMAL = 1000;
const CLOSE_SHUTDOWN = 1001;

/** Signs in; `audio` plays what the others say. */
export function signIn({ name, serviceId, serviceKey, audio, guest = null }) {
  return act('sign-in', async () => {
    state.name = name;
    state.userId = name;
    state.serviceId = serviceId;
    state.number = null;
    state.guest = guest;
    const client = new Omnitalk(serviceId, serviceKey, { audio, joinToken: guest?.token });
    listen(client);
    const { user_id: userId } = await client.createSession(state.userId);
    await applyDevices(client);
    state.omnitalk = client;
    state.userId = userId;
    state.rooms = null;
    state.people = [];
    state.busy = null;
    show('lobby');
    refreshLobby();
  });
}

/** A new session after the old one has ended: same user, same number where it is still free. */
export async function signInAgain() {
  state.busy = 'session';
  update();
  try {
    await state.omnitalk.createSession(state.userId);
    if (state.number) await keepNumber();
    state.busy = null;
    show('lobby');
    refreshLobby();
  } catch {
    state.busy = null;
    show('lost');
  }
}

async function keepNumber() {
  const add = (text) => (state.notice ? state.notice.texts.push(text) : inform(text));
  try {
    await state.omnitalk.makeSipNumber(state.number);
  } catch (error) {
    if (error.code === 'closed') throw error;
    try {
      state.number = (await state.omnitalk.makeSipNumber()).call_number;
      add(['numberChanged']);
    } catch (again) {
      if (again.code === 'closed') throw again;
      state.number = null;
      add(['numberGone']);
    }
  }
}

export async function getNumber() {
  await act('get-number', async () => {
    state.number = (await state.omnitalk.makeSipNumber()).call_number;
  });
  if (state.number) focusOn('#number-some .copy');
}

/** Once more, from within a click, where the browser held the sound back. */
export async function hearOthers() {
  try {
    await state.omnitalk?.resumePlayback();
  } catch {
    return; // it is still held back, and the notice still says so
  }
  state.notice = null;
  update();
}

export function signOut() {
  const client = state.omnitalk;
  state.omnitalk = null; // its events are nobody's from now on
  client.leave().catch(() => {});
  state.notice = null;
  state.number = null;
  state.devices = null;
  endIncoming();
  show('sign-in');
  focusOn('#sign-in');
}

function closed({ code }) {
  const { live, ending } = state;
  endIncoming();
  endLive();
  state.devices = null;
  if (ending || ((code === CLOSE_NORMAL || code === CLOSE_REMOVED) && live)) {
    const other = code === CLOSE_REMOVED ? ['removed'] : live?.kind === 'room' ? ['roomClosed'] : endedText('endedByServer', live);
    const { kind, text } = ending ?? { kind: 'info', text: other };
    state.ending = null;
    state.notice = text && { kind, texts: [text] };
    state.screen = 'lobby';
    signInAgain();
  } else {
    state.shutdown = code === CLOSE_SHUTDOWN;
    state.busy = null;
    state.notice = null;
    show('lost');
  }
}

function listen(client) {
  const on = (name, handler) =>
    client.on(name, (about) => {
      if (client === state.omnitalk) handler(about);
    });
  on('RINGING_EVENT', rings);
  on('RINGBACK_EVENT', ringsThere);
  on('CANCEL_EVENT', answeredElsewhere);
  on('CONNECTED_EVENT', connected);
  on('BROADCASTING_EVENT', (about) => watch(about, false));
  on('SCREEN_SHARE_EVENT', (about) => watch(about, true));
  on('SCREEN_UNSHARE_EVENT', ({ session }) => removeTile(session));
  on('LEAVE_EVENT', (about) => {
    if (!callerLeft(about)) left(about);
  });
  on('KICKOUT_EVENT', ({ session }) => {
    removeTile(session);
    refreshParticipants();
  });
  on('MUTE_EVENT', (about) => othersMuted(about, true));
  on('UNMUTE_EVENT', (about) => othersMuted(about, false));
  on('MESSAGE_EVENT', (about) => {
    heard(about);
    if (about.action === 'join' || about.action === 'leave') refreshParticipants();
  });
  on('RECORDING_EVENT', recordedNow);
  on('media', mediaChanged);
  on('camera-failed', cameraFailed);
  on('screen-ended', screenEnded);
  on('playback-blocked', () => {
    state.notice = { kind: 'error', texts: [['playbackBlocked']], offersSound: true };
    update();
  });
  on('close', closed);
}
