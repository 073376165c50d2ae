// Rooms: the list of them, the way in, and who is inside.

import { $ } from './dom.js';
import { openMicrophone } from './devices.js';
import { enterLive, finishEntering, newLive } from './live.js';
import { unlockSound } from './sound.js';
import { act, state, update } from './state.js';

const PAGES_AT_MOST = 10; // of ten entries
const VIDEO_ROOMS = ['videoroom', 'webinar'];

export async function allPages(ask) {
  const all = [];
  for (let page = 1; page <= PAGES_AT_MOST; page += 1) {
    const { list, count } = await ask(page);
    all.push(...list);
    if (list.length === 0 || all.length >= count) break;
  }
  return all;
}

/** Rooms and people, as the lobby shows them. */
export async function refreshLobby() {
  const { omnitalk } = state;
  if (state.screen !== 'lobby' || state.busy || document.hidden) return;
  try {
    state.rooms = await allPages((page) => omnitalk.roomList('all', page));
    state.people = await allPages((page) => omnitalk.sessionList(page));
    state.roomsFailed = false;
  } catch (error) {
    if (error.code === 'closed') return;
    state.roomsFailed = true;
  }
  if (state.screen === 'lobby') update();
}

let refreshing = null;
let refreshAgain = false;

export async function refreshParticipants() {
  const { live, omnitalk } = state;
  if (live?.kind !== 'room' || !omnitalk.roomId || state.ending) return;
  if (refreshing) {
    refreshAgain = true;
    return;
  }
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

export function createRoom() {
  return act('create-room', async () => {
    const { omnitalk } = state;
    unlockSound();
    // Whoever has no microphone leaves no empty room behind.
    await openMicrophone();
    const roomType = $('room-type').value;
    const subject = $('subject').value.trim();
    const secret = $('secret').value.trim();
    let room;
    try {
      const { room_id } = await omnitalk.createRoom(roomType, subject, secret);
      // Numbers can be made only before joining.
      const { call_number } = await omnitalk.makeSipNumber(undefined, room_id);
      room = { room_id, room_type: roomType, subject, sip_number: call_number };
    } catch (error) {
      omnitalk.closeMicrophone();
      throw error;
    }
    $('create-form').reset();
    $('room-type').value = roomType;
    await enterRoom(room, secret);
  });
}

export function joinRoom(button) {
  const room = state.rooms.find((one) => one.room_id === button.dataset.room);
  const secret = button.parentElement.querySelector('input')?.value.trim();
  return act('join', async () => {
    unlockSound();
    await openMicrophone();
    await enterRoom({ ...room }, secret);
  });
}

async function enterRoom(room, secret) {
  state.live = newLive({ kind: 'room', room, hasVideo: VIDEO_ROOMS.includes(room.room_type) });
  state.busy = null;
  enterLive();
  await finishEntering(state.omnitalk.joinRoom(room.room_id, secret, state.live.name));
}

// -- kick-out ---------------------------------------------------------------------------------------------------------

/** Asks first: it ends the other one's session. */
export function askToKick(session) {
  const who = state.live?.participants.find((one) => one.session === session);
  if (!who) return;
  state.kicking = { session, who: who.user_name || who.user_id };
  update();
  $('kick-no').focus();
}

export function kick() {
  const { kicking } = state;
  state.kicking = null;
  if (!kicking) return undefined;
  return act('kick', async () => {
    await state.omnitalk.kickOut(kicking.session);
  });
}
