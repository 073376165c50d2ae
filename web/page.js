// The page: what the user does and what the server says, turned into the state that view.js shows.

import { explain, language, setLanguage, t } from './i18n.js';
import { Omnitalk } from './omnitalk.js';
import { ring, unlockSound, watchLevel } from './sound.js';
import { $, clock, nameOf, render, renderDuration, renderLanguage, renderLevel } from './view.js';

const ROOMS_EVERY_MS = 4000;
const PAGES_AT_MOST = 10; // of ten entries
const COPIED_SHOWN_MS = 2000;
const CLOSE_REMOVED = 4000;
const CLOSE_NORMAL = 1000;
const CLOSE_SHUTDOWN = 1001;

const state = {
  screen: 'sign-in', // sign-in, lobby, live, lost
  busy: null, // name of the action under way
  notice: null, // {kind: 'info' | 'error', texts: [[key, values]], offersSound}
  name: '', // as given by the user
  userId: '', // as used by the server; kept over sessions
  number: null,
  rooms: null, // null: not known yet
  roomsFailed: false,
  incoming: null, // {caller, session, problem}
  live: null, // the call or room: see newLive
  shutdown: false,
};

let omnitalk = null;
let ending = null; // the notice to show when the socket closes, once we ourselves leave
let stopRing = () => {};
let stopLevel = () => {};

const update = () => render(state);

function inform(...texts) {
  state.notice = { kind: 'info', texts };
}

function complain(text) {
  state.notice = { kind: 'error', texts: [text] };
}

/** Runs one action of the user at a time; its failure is shown in words. */
async function act(name, action) {
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

function show(screen) {
  state.screen = screen;
  update();
  const first = { lobby: state.number ? '.copy' : '#get-number', live: '#live-title', lost: '#reconnect' }[screen];
  if (first) queueMicrotask(() => document.querySelector(first).focus());
}

// -- session ----------------------------------------------------------------------------------------------------------

function signIn() {
  return act('sign-in', async () => {
    state.name = $('user-name').value.trim();
    state.userId = state.name;
    state.number = null;
    const client = new Omnitalk($('service-id').value.trim(), $('service-key').value, { audio: $('others') });
    listen(client);
    const { user_id: userId } = await client.createSession(state.userId);
    omnitalk = client;
    state.userId = userId;
    state.rooms = null;
    state.busy = null;
    show('lobby');
    refreshRooms();
  });
}

/** A new session after the old one has ended: same user, same number where it is still free. */
async function signInAgain() {
  state.busy = 'session';
  update();
  try {
    await omnitalk.createSession(state.userId);
    if (state.number) await keepNumber();
    state.busy = null;
    show('lobby');
    refreshRooms();
  } catch {
    state.busy = null;
    show('lost');
  }
}

async function keepNumber() {
  const add = (text) => (state.notice ? state.notice.texts.push(text) : inform(text));
  try {
    await omnitalk.makeSipNumber(state.number);
  } catch (error) {
    if (error.code === 'closed') throw error;
    try {
      state.number = (await omnitalk.makeSipNumber()).call_number;
      add(['numberChanged']);
    } catch (again) {
      if (again.code === 'closed') throw again;
      state.number = null;
      add(['numberGone']);
    }
  }
}

function signOut() {
  const client = omnitalk;
  omnitalk = null; // its events are nobody's from now on
  client.leave().catch(() => {});
  state.notice = null;
  state.number = null;
  endIncoming();
  show('sign-in');
  $('sign-in').focus();
}

function closed({ code }) {
  const { live } = state;
  endIncoming();
  endLive();
  if (ending || ((code === CLOSE_NORMAL || code === CLOSE_REMOVED) && live)) {
    const other = code === CLOSE_REMOVED ? ['removed'] : live?.kind === 'room' ? ['roomClosed'] : endedText('endedByServer', live);
    const { kind, text } = ending ?? { kind: 'info', text: other };
    ending = null;
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

/** Leaves room or call; the server closes the socket and `closed` goes on from there. */
function leaveWith(text, kind = 'info') {
  if (ending) return;
  ending = { kind, text };
  state.busy = 'leave';
  update();
  omnitalk.leave().catch(() => {}); // `close` follows in any case
}

function listen(client) {
  const on = (name, handler) =>
    client.on(name, (about) => {
      if (client === omnitalk) handler(about);
    });
  on('RINGING_EVENT', rings);
  on('CANCEL_EVENT', () => {
    if (state.incoming) giveUpIncoming(['elsewhere', { caller: nameLater(state.incoming.caller) }]);
  });
  on('CONNECTED_EVENT', connected);
  on('LEAVE_EVENT', left);
  for (const name of ['MESSAGE_EVENT', 'MUTE_EVENT', 'UNMUTE_EVENT', 'KICKOUT_EVENT']) on(name, refreshParticipants);
  on('media', mediaChanged);
  on('playback-blocked', () => {
    state.notice = { kind: 'error', texts: [['playbackBlocked']], offersSound: true };
    update();
  });
  on('close', closed);
}

const nameLater = (id) => () => nameOf(id);

// -- incoming call ----------------------------------------------------------------------------------------------------

function rings({ caller, session }) {
  state.incoming = { caller, session, problem: null };
  stopRing();
  stopRing = ring();
  update();
}

function endIncoming() {
  stopRing();
  stopRing = () => {};
  state.incoming = null;
}

function giveUpIncoming(text) {
  endIncoming();
  inform(text);
  update();
}

async function answer() {
  const { incoming } = state;
  if (!incoming || state.busy) return;
  unlockSound();
  state.busy = 'answer';
  update();
  try {
    await omnitalk.openMicrophone();
  } catch (error) {
    // The call goes on ringing: the user can allow the microphone and answer then.
    incoming.problem = explain(error);
    state.busy = null;
    update();
    return;
  }
  if (state.incoming !== incoming) {
    omnitalk?.closeMicrophone();
    state.busy = null;
    update();
    return;
  }
  endIncoming();
  state.notice = null;
  state.busy = null;
  state.live = newLive({ kind: 'call', caller: incoming.caller, callerSession: incoming.session });
  enterLive();
  await finishEntering(omnitalk.answerCall());
}

function decline() {
  return act('decline', async () => {
    const { incoming } = state;
    endIncoming();
    update();
    if (!incoming) return;
    await omnitalk.rejectCall().catch((error) => {
      // Nothing rings any more: the caller was quicker. That is what was wanted.
      if (error.code !== 'refused') throw error;
    });
    inform(['declined', { caller: nameLater(incoming.caller) }]);
  });
}

// -- in a call or room ------------------------------------------------------------------------------------------------

const newLive = (about) => ({
  name: state.name || t('guest', { number: 100 + Math.floor(Math.random() * 900) }), // how the others see us
  muted: false,
  media: 'new',
  connectedAt: null,
  participants: [],
  lastMove: null,
  ...about,
});

function enterLive() {
  stopLevel();
  stopLevel = watchLevel(omnitalk.localStream, renderLevel);
  show('live');
}

function endLive() {
  stopLevel();
  stopLevel = () => {};
  state.live = null;
}

async function finishEntering(entering) {
  const { live } = state;
  try {
    const joined = await entering;
    if (state.live !== live) return;
    if (live.kind === 'room') {
      live.room.sip_number ??= joined.call_number;
      refreshParticipants();
    }
    update();
  } catch (error) {
    if (ending || state.live !== live || error.code === 'closed') return; // `closed` tells
    if (omnitalk.roomId) {
      leaveWith(explain(error), 'error'); // inside, but without sound
      return;
    }
    endLive();
    complain(explain(error));
    show('lobby');
  }
}

function connected({ session, user_id: userId, user_name: userName }) {
  const { live } = state;
  if (!live) return;
  if (live.kind === 'call') {
    live.connectedAt ??= Date.now();
  } else if (session !== omnitalk.session) {
    live.lastMove = ['entered', { who: nameLater(userName || userId) }];
    refreshParticipants();
  }
  update();
}

function left({ session }) {
  const { incoming, live } = state;
  if (incoming?.session === session) {
    const at = new Date();
    const time = () => at.toLocaleTimeString(language(), { hour: 'numeric', minute: '2-digit' });
    giveUpIncoming(['missed', { caller: nameLater(incoming.caller), time }]);
  } else if (live?.kind === 'call') {
    leaveWith(endedText('endedByCaller', live));
  } else if (live) {
    const who = live.participants.find((one) => one.session === session);
    if (who) live.lastMove = ['left', { who: nameLater(who.user_name || who.user_id) }];
    refreshParticipants();
  }
}

function endedText(key, live) {
  const caller = nameLater(live.caller);
  if (live.connectedAt === null) return ['endedEarly', { caller }];
  return [key, { caller, time: clock(Math.floor((Date.now() - live.connectedAt) / 1000)) }];
}

function mediaChanged({ state: media }) {
  const { live } = state;
  if (!live) return;
  if (media === 'microphone-ended') {
    complain(['errorMicrophoneEnded']);
  } else {
    live.media = media;
    if (media === 'failed') complain(['errorMedia']);
    if (media === 'connected' && live.kind === 'room') live.connectedAt ??= Date.now();
  }
  update();
}

async function toggleMute() {
  const { live } = state;
  if (!live || live.switching) return;
  live.switching = true;
  try {
    await (live.muted ? omnitalk.setUnmute('audio') : omnitalk.setMute('audio'));
    live.muted = !live.muted;
  } catch (error) {
    if (state.live === live) complain(explain(error));
  }
  live.switching = false;
  update();
}

// -- rooms ------------------------------------------------------------------------------------------------------------

async function allPages(ask) {
  const all = [];
  for (let page = 1; page <= PAGES_AT_MOST; page += 1) {
    const { list, count } = await ask(page);
    all.push(...list);
    if (list.length === 0 || all.length >= count) break;
  }
  return all;
}

async function refreshRooms() {
  if (state.screen !== 'lobby' || state.busy || document.hidden) return;
  try {
    state.rooms = await allPages((page) => omnitalk.roomList('audioroom', page));
    state.roomsFailed = false;
  } catch (error) {
    if (error.code === 'closed') return;
    state.roomsFailed = true;
  }
  if (state.screen === 'lobby') update();
}

let refreshing = null;
let refreshAgain = false;

async function refreshParticipants() {
  if (state.live?.kind !== 'room' || !omnitalk.roomId || ending) return;
  if (refreshing) {
    refreshAgain = true;
    return;
  }
  const { live } = state;
  refreshing = allPages((page) => omnitalk.partiList(page));
  try {
    live.participants = await refreshing;
  } catch (error) {
    if (error.code !== 'closed') console.warn('partiList', error);
  }
  refreshing = null;
  if (state.live === live) update();
  if (refreshAgain) {
    refreshAgain = false;
    refreshParticipants();
  }
}

function createRoom() {
  return act('create-room', async () => {
    unlockSound();
    // Whoever has no microphone leaves no empty room behind.
    await omnitalk.openMicrophone();
    const subject = $('subject').value.trim();
    const secret = $('secret').value.trim();
    let room;
    try {
      const { room_id } = await omnitalk.createRoom('audioroom', subject, secret);
      // Numbers can be made only before joining.
      const { call_number } = await omnitalk.makeSipNumber(undefined, room_id);
      room = { room_id, subject, sip_number: call_number };
    } catch (error) {
      omnitalk.closeMicrophone();
      throw error;
    }
    $('create-form').reset();
    await enterRoom(room, secret);
  });
}

function joinRoom(button) {
  const room = state.rooms.find((one) => one.room_id === button.dataset.room);
  const secret = button.parentElement.querySelector('input')?.value.trim();
  return act('join', async () => {
    unlockSound();
    await omnitalk.openMicrophone();
    await enterRoom({ ...room }, secret);
  });
}

async function enterRoom(room, secret) {
  state.live = newLive({ kind: 'room', room });
  state.busy = null;
  enterLive();
  await finishEntering(omnitalk.joinRoom(room.room_id, secret, state.live.name));
}

// -- what the user does -----------------------------------------------------------------------------------------------

function submits(form, action) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault();
    unlockSound();
    action();
  });
}

const clicks = (id, action) => $(id).addEventListener('click', action);

submits('sign-in-form', signIn);
submits('create-form', createRoom);
clicks('sign-out', signOut);
clicks('get-number', async () => {
  await act('get-number', async () => {
    state.number = (await omnitalk.makeSipNumber()).call_number;
  });
  if (state.number) document.querySelector('#number-some .copy').focus();
});
clicks('answer', answer);
clicks('decline', decline);
clicks('mute', toggleMute);
clicks('leave', () => {
  if (state.live) leaveWith(state.live.kind === 'room' ? ['leftRoom'] : endedText('endedByYou', state.live));
});
clicks('reconnect', () => {
  state.notice = null;
  if (!state.busy) signInAgain();
});
clicks('hear', () => {
  omnitalk?.resumePlayback().then(() => {
    state.notice = null;
    update();
  }, () => {});
});
clicks('notice-close', () => {
  state.notice = null;
  update();
});
$('rooms').addEventListener('click', ({ target }) => {
  if (target.dataset.room) joinRoom(target);
});
$('rooms').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.target.tagName === 'INPUT') event.target.parentElement.querySelector('button').click();
});
for (const button of document.querySelectorAll('.copy')) {
  button.addEventListener('click', async () => {
    const number = $(button.dataset.copies).dataset.number;
    try {
      await navigator.clipboard.writeText(number);
    } catch {
      getSelection().selectAllChildren($(button.dataset.copies)); // then the user's own copy key works
      return;
    }
    button.dataset.text = 'copied';
    renderLanguage();
    setTimeout(() => {
      button.dataset.text = 'copy';
      renderLanguage();
    }, COPIED_SHOWN_MS);
  });
}
// Escape must not send a caller away unseen: only the two buttons end the ringing.
$('incoming').addEventListener('cancel', (event) => event.preventDefault());
$('incoming').addEventListener('close', update); // browsers let a second Escape through: it opens again
$('language').addEventListener('change', ({ target }) => {
  setLanguage(target.value);
  renderLanguage();
  update();
});
addEventListener('online', () => {
  if (state.screen === 'lost' && !state.busy) signInAgain();
});
document.addEventListener('visibilitychange', refreshRooms);
setInterval(refreshRooms, ROOMS_EVERY_MS);
setInterval(() => {
  if (state.live) renderDuration(state.live);
}, 500);

renderLanguage();
update();
