// Rooms: the way in, and out by the hand of others.

import { act } from './actions.js';
import { openMicrophone } from './devices.js';
import { enterLive, finishEntering, newLive } from './live.js';
import { unlockSound } from './sound.js';
import { focusOn, state, update } from './state.js';

const VIDEO_ROOMS = ['videoroom', 'webinar'];

/** Makes a room and enters it; true as soon as it is there, whether or not one is inside. */
export function createRoom({ roomType, subject, secret }) {
  return act('create-room', async () => {
    const { omnitalk } = state;
    unlockSound();
    // Whoever has no microphone leaves no empty room behind.
    await openMicrophone();
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
    await enterRoom(room, secret);
    return true;
  });
}

export function joinRoom(roomId, secret) {
  const room = state.rooms.find((one) => one.room_id === roomId);
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
  focusOn('#kick-no');
}

export function kick() {
  const { kicking } = state;
  state.kicking = null;
  if (!kicking) return undefined;
  return act('kick', async () => {
    await state.omnitalk.kickOut(kicking.session);
  });
}
