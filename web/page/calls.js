// Calls between two people: those that ring here, and those that we make.

import { act } from './actions.js';
import { openMicrophone } from './devices.js';
import { allPages } from './lists.js';
import { enterLive, finishEntering, newLive } from './live.js';
import { ring, unlockSound } from './sound.js';
import { complain, inform, state, update } from './state.js';
import { explain } from './words/faults.js';
import { language } from './words/i18n.js';
import { nameLater } from './words/names.js';

let stopRing = () => {};

// -- incoming ---------------------------------------------------------------------------------------------------------

export function rings({ caller, session, call_type: callType }) {
  state.incoming = { caller, session, callType, problem: null };
  state.devices = null; // nothing may lie over the question
  stopRing();
  stopRing = ring();
  update();
}

export function endIncoming() {
  stopRing();
  stopRing = () => {};
  state.incoming = null;
}

function giveUpIncoming(text) {
  endIncoming();
  inform(text);
  update();
}

/** The caller has gone; whether that was about the call that rings. */
export function callerLeft({ session }) {
  const { incoming } = state;
  if (incoming?.session !== session) return false;
  const at = new Date();
  const time = () => at.toLocaleTimeString(language(), { hour: 'numeric', minute: '2-digit' });
  giveUpIncoming(['missed', { caller: nameLater(incoming.caller), time }]);
  return true;
}

export function answeredElsewhere() {
  if (state.incoming) giveUpIncoming(['elsewhere', { caller: nameLater(state.incoming.caller) }]);
}

export async function answer() {
  const { incoming, omnitalk } = state;
  if (!incoming || state.busy) return;
  unlockSound();
  state.busy = 'answer';
  update();
  try {
    await openMicrophone();
  } catch (error) {
    // The call goes on ringing: the user can allow the microphone and answer then.
    incoming.problem = explain(error);
    state.busy = null;
    update();
    return;
  }
  if (state.incoming !== incoming) {
    state.omnitalk?.closeMicrophone();
    state.busy = null;
    update();
    return;
  }
  endIncoming();
  state.notice = null;
  state.busy = null;
  const { caller, callType } = incoming;
  state.live = newLive({ kind: 'call', other: caller, callType, hasVideo: callType === 'videocall' });
  enterLive();
  await finishEntering(omnitalk.answerCall());
}

export function decline() {
  return act('decline', async () => {
    const { incoming } = state;
    endIncoming();
    update();
    if (!incoming) return;
    await state.omnitalk.rejectCall().catch((error) => {
      // Nothing rings any more: the caller was quicker. That is what was wanted.
      if (error.code !== 'nothing-rings') throw error;
    });
    inform(['declined', { caller: nameLater(incoming.caller) }]);
  });
}

// -- outgoing ---------------------------------------------------------------------------------------------------------

/** Calls a user; whether that has begun. */
export function call(callType, callee) {
  return act('call', async () => {
    unlockSound();
    const { omnitalk } = state;
    state.people = await allPages((page) => omnitalk.sessionList(page));
    await openMicrophone();
    if (state.incoming) {
      omnitalk.closeMicrophone(); // somebody was quicker, and waits for an answer
      return false;
    }
    const isAbsent = !state.people.some((one) => one.user_id === callee);
    state.live = newLive({ kind: 'call', other: callee, callType, outgoing: true, isAbsent, rang: false });
    state.live.hasVideo = callType === 'videocall';
    state.busy = null;
    enterLive();
    await finishEntering(omnitalk.offerCall(callType, callee));
    return state.live !== null;
  });
}

/** Calls a telephone; whether that has begun. */
export function callPhone(number) {
  return act('call', async () => {
    unlockSound();
    const { omnitalk } = state;
    await openMicrophone();
    if (state.incoming) {
      omnitalk.closeMicrophone(); // somebody was quicker, and waits for an answer
      return false;
    }
    state.live = newLive({ kind: 'call', other: number, callType: 'sipcall', outgoing: true, isAbsent: false, rang: false });
    state.busy = null;
    enterLive();
    await finishEntering(omnitalk.offerCall('sipcall', number));
    return state.live !== null;
  });
}

/** Presses a key for the telephone that we talk to. */
export async function pressKey(key) {
  const { live, omnitalk } = state;
  if (live?.callType !== 'sipcall') return;
  try {
    await omnitalk.sendKeys(key);
    live.keys += key;
  } catch (error) {
    if (state.live === live) complain(explain(error));
  }
  if (state.live === live) update();
}

export function toggleKeypad() {
  const { live } = state;
  if (!live) return;
  live.keypad = !live.keypad;
  update();
}

export function ringsThere() {
  if (!state.live?.outgoing) return;
  state.live.rang = true;
  update();
}
