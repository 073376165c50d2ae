// Recording from within a call or room: the own recording, once a stay, and the mark that tells that anybody records.

import { switching } from './actions.js';
import { focusOn, inform, state, update } from './state.js';

export const newRecording = () => ({
  own: 'never', // never, runs, once: the server takes one recording of a participant and stay
  byAnybody: false,
});

/** RECORDING_EVENT. */
export function recordedNow({ recorded }) {
  const { live } = state;
  if (!live) return;
  const { recording } = live;
  if (recording.byAnybody && !recorded) live.lastMove = ['recordedNoLonger'];
  recording.byAnybody = recorded;
  // Where nobody records, the own recording has ended too, whoever ended it.
  if (!recorded && recording.own === 'runs') recording.own = 'once';
  update();
}

/** What a refusal says about the own recording, in case page and server have come to differ. */
const AFTER_REFUSAL = { 'recording-runs': 'runs', 'recorded-once': 'once', 'no-recording': 'once' };

export async function toggleRecording() {
  await switching(async (live) => {
    const { recording } = live;
    try {
      if (recording.own === 'runs') {
        await state.omnitalk.recordingStop();
        recording.own = 'once';
        inform(['recordingStopped']);
      } else {
        await state.omnitalk.recordingStart();
        recording.own = 'runs';
        state.notice = null;
      }
    } catch (error) {
      recording.own = AFTER_REFUSAL[error.code] ?? recording.own;
      throw error;
    }
  });
  // A disabled button loses the focus.
  if (state.screen === 'live') focusOn(state.live?.recording.own === 'once' ? '#live-title' : '#record');
}
