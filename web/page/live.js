// Inside a call or room: what both have in common.

import { leaveWith, switching } from './actions.js';
import { newChat } from './chat.js';
import { stopWatching, watchMicrophone } from './level.js';
import { refreshParticipants } from './lists.js';
import { newRecording } from './recording.js';
import { enterStage, removeTile } from './stage.js';
import { complain, show, state, update } from './state.js';
import { explain } from './words/faults.js';
import { t } from './words/i18n.js';
import { clock, nameLater } from './words/names.js';

/** Why a call of ours did not come about, or ended though nobody hung up. */
const OVER = {
  declined: 'callDeclined',
  no_answer: 'callNotAnswered',
  busy: 'overBusy',
  unavailable: 'overUnavailable',
  unassigned: 'overUnassigned',
  congestion: 'overCongestion',
  barred: 'overBarred',
  unreachable: 'overUnreachable',
  rejected: 'overRejected',
  too_long: 'overTooLong',
};

export const newLive = (about) => ({
  name: state.name || t('guest', { number: 100 + Math.floor(Math.random() * 900) }), // how the others see us
  muted: false,
  media: 'new',
  connectedAt: null,
  participants: [],
  lastMove: null,
  hasVideo: false,
  tiles: new Map(), // session → {session, name, screen, own, stream, audioMuted, videoMuted}
  camera: 'none', // none, on, off
  sharing: false,
  panel: 'people', // which of both narrow screens show
  chat: newChat(),
  keypad: false, // whether it is open
  keys: '', // those that were pressed
  recording: newRecording(),
  ...about, // kind: 'call' with other, callType, outgoing; or 'room' with room
});

export function enterLive() {
  watchMicrophone();
  show('live');
}

export function endLive() {
  stopWatching();
  state.live = null;
  state.kicking = null;
}

export async function finishEntering(entering) {
  const { live, omnitalk } = state;
  try {
    const joined = await entering;
    if (state.live !== live) return;
    if (live.kind === 'room') {
      live.room.sip_number ??= joined.call_number;
      refreshParticipants();
    }
    enterStage();
    update();
  } catch (error) {
    if (state.ending || state.live !== live || error.code === 'closed') return; // the end of the socket tells
    if (omnitalk.roomId) {
      leaveWith(explain(error), 'error'); // inside, but without sound
      return;
    }
    endLive();
    complain(explain(error));
    show('lobby');
  }
}

export function connected({ session, user_id: userId, user_name: userName }) {
  const { live } = state;
  if (!live) return;
  if (live.kind === 'call') {
    live.connectedAt ??= Date.now();
  } else if (session !== state.omnitalk.session) {
    live.lastMove = ['entered', { who: nameLater(userName || userId) }];
    refreshParticipants();
  }
  update();
}

/** Somebody has left the room or call that we are in. */
export function left({ session, reason }) {
  const { live } = state;
  if (!live) return;
  if (live.kind === 'call') {
    leaveWith(endedText('endedByCaller', live, reason));
    return;
  }
  removeTile(session);
  const who = live.participants.find((one) => one.session === session);
  if (who) live.lastMove = ['left', { who: nameLater(who.user_name || who.user_id) }];
  if (state.kicking?.session === session) state.kicking = null;
  refreshParticipants();
  update();
}

export function endedText(key, live, reason) {
  const caller = nameLater(live.other);
  if (live.outgoing && OVER[reason]) return [OVER[reason], { who: caller }];
  if (live.connectedAt !== null) return [key, { caller, time: clock(Math.floor((Date.now() - live.connectedAt) / 1000)) }];
  if (live.outgoing && key === 'endedByYou') return ['callCancelled', { who: caller }];
  if (live.outgoing && key === 'endedByCaller') return ['callNotAnswered', { who: caller }];
  return ['endedEarly', { caller }];
}

export function mediaChanged({ state: media }) {
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

export const toggleMute = () =>
  switching(async (live) => {
    await (live.muted ? state.omnitalk.setUnmute('audio') : state.omnitalk.setMute('audio'));
    live.muted = !live.muted;
  });

export const leaveLive = () => {
  const { live } = state;
  if (live) leaveWith(live.kind === 'room' ? ['leftRoom'] : endedText('endedByYou', live));
};
