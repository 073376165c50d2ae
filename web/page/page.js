// The page: the session with the server, and what of the document and of the server's events leads where.

import { answer, answeredElsewhere, call, callerLeft, decline, endIncoming, rings, ringsThere } from './calls.js';
import { heard, seen, sendLine, showPanel, toggleCallChat, whisperTo, writeTo } from './chat.js';
import { KIND_OF_SELECT, applyDevices, chooseDevice, closeDevices, openDevices, refreshDevices } from './devices.js';
import { $ } from './dom.js';
import { setLanguage } from './i18n.js';
import { connected, endLive, endedText, leaveLive, left, mediaChanged, toggleMute } from './live.js';
import { Omnitalk } from '../client/omnitalk.js';
import { toggle as togglePlaying } from './player.js';
import { recordedNow, toggleRecording } from './recording.js';
import * as recordings from './recordings.js';
import { askToKick, createRoom, joinRoom, kick, refreshLobby, refreshParticipants } from './rooms.js';
import { unlockSound } from './sound.js';
import { cameraFailed, othersMuted, removeTile, screenEnded, toggleCamera, toggleScreen, watch } from './stage.js';
import { act, clicks, inform, show, state, update } from './state.js';
import { renderDuration, renderLanguage } from './view.js';

const LOBBY_EVERY_MS = 4000;
const COPIED_SHOWN_MS = 2000;
const CLOSE_REMOVED = 4000;
const CLOSE_NORMAL = 1000;
const CLOSE_SHUTDOWN = 1001;

// -- session ----------------------------------------------------------------------------------------------------------

function signIn() {
  return act('sign-in', async () => {
    state.name = $('user-name').value.trim();
    state.userId = state.name;
    state.number = null;
    const client = new Omnitalk($('service-id').value.trim(), $('service-key').value, { audio: $('others') });
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
async function signInAgain() {
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

function signOut() {
  const client = state.omnitalk;
  state.omnitalk = null; // its events are nobody's from now on
  client.leave().catch(() => {});
  state.notice = null;
  state.number = null;
  state.devices = null;
  endIncoming();
  show('sign-in');
  $('sign-in').focus();
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

// -- what the user does -----------------------------------------------------------------------------------------------

function submits(form, action) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault();
    unlockSound();
    action();
  });
}

submits('sign-in-form', signIn);
submits('create-form', createRoom);
submits('call-form', () => call('audiocall'));
submits('chat-form', sendLine);
submits('token-form', recordings.giveToken);
clicks('call-video', () => call('videocall'));
clicks('sign-out', signOut);
clicks('get-number', async () => {
  await act('get-number', async () => {
    state.number = (await state.omnitalk.makeSipNumber()).call_number;
  });
  if (state.number) document.querySelector('#number-some .copy').focus();
});
clicks('answer', answer);
clicks('decline', decline);
clicks('mute', toggleMute);
clicks('camera', toggleCamera);
clicks('screen', toggleScreen);
clicks('record', toggleRecording);
clicks('leave', leaveLive);
clicks('show-people', () => showPanel('people'));
clicks('show-chat', () => showPanel('chat'));
clicks('call-chat', toggleCallChat);
clicks('devices-lobby', openDevices);
clicks('devices-live', openDevices);
clicks('devices-close', closeDevices);
clicks('kick-yes', kick);
clicks('kick-no', () => $('kick-dialog').close());
clicks('recordings-open', recordings.openRecordings);
clicks('recordings-back', recordings.closeRecordings);
clicks('recordings-more', recordings.moreRecordings);
clicks('recording-back', recordings.closeRecording);
clicks('play', togglePlaying);
clicks('delete', recordings.askToDelete);
clicks('delete-yes', recordings.deleteIt);
clicks('delete-no', () => $('delete-dialog').close());
clicks('reconnect', () => {
  state.notice = null;
  if (!state.busy) signInAgain();
});
clicks('hear', () => {
  state.omnitalk?.resumePlayback().then(() => {
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
$('participants').addEventListener('click', ({ target }) => {
  if (target.dataset.testid === 'whisper') whisperTo(target.dataset.session);
  if (target.dataset.testid === 'kick') askToKick(target.dataset.session);
});
$('recordings').addEventListener('click', ({ target }) => {
  const row = target.closest('[data-recording]');
  if (row) recordings.openRecording(row.dataset.recording);
});
$('recording-files').addEventListener('click', (event) => {
  const { name } = event.target.dataset;
  if (name === undefined) return;
  event.preventDefault();
  recordings.download(state.archive.open, name);
});
$('sound-choice').addEventListener('change', ({ target }) => recordings.chooseFile(target.value));
$('delete-dialog').addEventListener('close', () => {
  if (state.archive) state.archive.deleting = null;
});
$('recipient').addEventListener('change', ({ target }) => writeTo(target.value));
$('message').addEventListener('keydown', (event) => {
  // Enter also ends what is composed of several keys, as Hangul: that is no line yet.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  sendLine();
});
for (const [select, kind] of Object.entries(KIND_OF_SELECT)) {
  $(select).addEventListener('change', ({ target }) => chooseDevice(kind, target.value));
}
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
$('kick-dialog').addEventListener('close', () => {
  state.kicking = null;
});
$('devices').addEventListener('close', () => {
  state.devices = null;
});
$('language').addEventListener('change', ({ target }) => {
  setLanguage(target.value);
  renderLanguage();
  update();
});
navigator.mediaDevices?.addEventListener?.('devicechange', refreshDevices);
addEventListener('online', () => {
  if (state.screen === 'lost' && !state.busy) signInAgain();
});
document.addEventListener('visibilitychange', () => {
  refreshLobby();
  seen();
  update();
});
setInterval(refreshLobby, LOBBY_EVERY_MS);
setInterval(() => {
  if (state.live) renderDuration(state.live);
}, 500);

renderLanguage();
update();
