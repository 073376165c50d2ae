// Calls between two people: those that ring here, and those that we make.

import { $, nameLater } from './dom.js';
import { explain, language } from './i18n.js';
import { openMicrophone } from './devices.js';
import { enterLive, finishEntering, newLive } from './live.js';
import { allPages } from './rooms.js';
import { ring, unlockSound } from './sound.js';
import { act, inform, state, update } from './state.js';

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
      if (error.code !== 'refused') throw error;
    });
    inform(['declined', { caller: nameLater(incoming.caller) }]);
  });
}

// -- outgoing ---------------------------------------------------------------------------------------------------------

/** Calls the user whose id is typed in. */
export function call(callType) {
  const field = $('callee');
  const callee = field.value.trim();
  field.value = callee;
  if (!field.reportValidity()) return undefined;
  return act('call', async () => {
    unlockSound();
    const { omnitalk } = state;
    state.people = await allPages((page) => omnitalk.sessionList(page));
    await openMicrophone();
    if (state.incoming) {
      omnitalk.closeMicrophone(); // somebody was quicker, and waits for an answer
      return;
    }
    const isAbsent = !state.people.some((one) => one.user_id === callee);
    state.live = newLive({ kind: 'call', other: callee, callType, outgoing: true, isAbsent, rang: false });
    state.live.hasVideo = callType === 'videocall';
    state.busy = null;
    field.value = '';
    enterLive();
    await finishEntering(omnitalk.offerCall(callType, callee));
    if (!state.live) field.value = callee; // to try again
  });
}

export function ringsThere() {
  if (!state.live?.outgoing) return;
  state.live.rang = true;
  update();
}
