// The button that records, and the mark that tells that anybody does.

import { t } from '../words/i18n.js';
import { $, text } from './dom.js';

/** Before the other side is there, nothing could be heard in a recording. */
const canRecord = (live) => live.connectedAt !== null;

export function renderRecording({ screen, live, busy }) {
  const isMarked = screen === 'live' && live?.recording.byAnybody;
  text($('recorded'), isMarked ? t(live.kind === 'room' ? 'recordedRoom' : 'recordedCall') : '');
  if (!live) return;
  const { own } = live.recording;
  $('record').hidden = !canRecord(live);
  $('record').dataset.on = String(own === 'runs');
  $('record').disabled = Boolean(busy || live.switching) || own === 'once';
  text($('record-text'), t({ never: 'record', runs: 'recordStop', once: 'recordDone' }[own]));
  // What a narrow screen has room for.
  $('record').dataset.short = t({ never: 'record', runs: 'recordStopShort', once: 'recordDoneShort' }[own]);
}
