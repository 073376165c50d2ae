// What the user does in the document, and where it leads.

import { invitation } from '../guest.js';
import { answer, call, callPhone, decline, pressKey, toggleKeypad } from '../calls.js';
import { sendLine, showPanel, toggleCallChat, whisperTo, writeTo } from '../chat.js';
import { chooseDevice, closeDevices, openDevices } from '../devices.js';
import { leaveLive, toggleMute } from '../live.js';
import { toggle as togglePlaying } from '../player.js';
import { toggleRecording } from '../recording.js';
import * as recordings from '../recordings.js';
import { askToKick, createRoom, joinRoom, kick } from '../rooms.js';
import { getNumber, hearOthers, signIn, signInAgain, signOut } from '../session.js';
import { unlockSound } from '../sound.js';
import { toggleCamera, toggleScreen } from '../stage.js';
import { state, update } from '../state.js';
import { KIND_OF_SELECT } from '../views/devices.js';
import { $ } from '../views/dom.js';
import { renderLanguage } from '../views/view.js';
import { setLanguage } from '../words/i18n.js';

const COPIED_SHOWN_MS = 2000;
/** As long the browser may read what it downloads. */
const DOWNLOADED_WITHIN_MS = 60000;

function submits(form, action) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault();
    unlockSound();
    action();
  });
}

const clicks = (id, action) => $(id).addEventListener('click', action);

async function callWhoIsTyped(callType) {
  const field = $('callee');
  field.value = field.value.trim();
  // Who was not reached stays there, to try again.
  if (!field.reportValidity()) return;
  const callee = field.value;
  if ((await call(callType, callee)) && field.value === callee) field.value = '';
}

async function sendWhatIsTyped() {
  const field = $('message');
  const message = field.value.trim();
  if (!message) return;
  if ((await sendLine(message)) && field.value.trim() === message) field.value = '';
  field.focus();
}

submits('sign-in-form', () => {
  const guest = invitation();
  signIn({
    name: guest?.name ?? $('user-name').value.trim(),
    serviceId: guest?.serviceId ?? $('service-id').value.trim(),
    serviceKey: guest ? '' : $('service-key').value,
    audio: $('others'),
    guest,
  });
});
submits('create-form', async () => {
  const roomType = $('room-type').value;
  const made = await createRoom({ roomType, subject: $('subject').value.trim(), secret: $('secret').value.trim() });
  if (!made) return;
  $('create-form').reset();
  $('room-type').value = roomType;
});
submits('call-form', () => callWhoIsTyped('audiocall'));
submits('phone-form', async () => {
  const number = $('phone-number').value.trim();
  // A number that was not reached stays there, to try again.
  if (number && (await callPhone(number)) && $('phone-number').value.trim() === number) $('phone-number').value = '';
});
submits('chat-form', sendWhatIsTyped);
submits('token-form', () => {
  recordings.giveToken($('api-token').value.trim());
  $('api-token').value = '';
});
clicks('call-video', () => callWhoIsTyped('videocall'));
clicks('sign-out', signOut);
clicks('get-number', getNumber);
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
clicks('keypad-open', toggleKeypad);
$('keys').addEventListener('click', ({ target }) => {
  if (target.dataset.key) pressKey(target.dataset.key);
});
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
clicks('hear', hearOthers);
clicks('notice-close', () => {
  state.notice = null;
  update();
});
$('rooms').addEventListener('click', ({ target }) => {
  const { room } = target.dataset;
  if (room) joinRoom(room, target.parentElement.querySelector('input')?.value.trim());
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
$('recording-files').addEventListener('click', async (event) => {
  const { download, dataset } = event.target;
  if (dataset.name === undefined) return;
  event.preventDefault();
  const file = await recordings.toDownload(dataset.name);
  if (!file) return;
  const link = Object.assign(document.createElement('a'), { href: file.address, download });
  link.click();
  setTimeout(file.release, DOWNLOADED_WITHIN_MS);
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
  sendWhatIsTyped();
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
