// What is played: position, and the waveform.

import { now } from '../player.js';
import { t } from '../words/i18n.js';
import { clock } from '../words/names.js';
import { $, text } from './dom.js';

const BARS_AT_MOST = 240;

export function renderPlayer() {
  const playing = now();
  if (!playing) return;
  const { position, duration, isPlaying } = playing;
  text($('play-text'), t(isPlaying ? 'pause' : 'play'));
  $('play').dataset.playing = String(isPlaying);
  text($('position'), `${clock(Math.floor(position))} / ${clock(Math.round(duration))}`);
  const slider = $('wave');
  slider.setAttribute('aria-valuemax', String(Math.round(duration)));
  slider.setAttribute('aria-valuenow', String(Math.floor(position)));
  slider.setAttribute('aria-valuetext', t('positionOf', { position: clock(Math.floor(position)), duration: clock(Math.round(duration)) }));
  $('wave-played').setAttribute('width', String(duration ? position / duration : 0));
  const line = $('wave-position');
  for (const end of ['x1', 'x2']) line.setAttribute(end, String(duration ? position / duration : 0));
}

/** The loudest of each stretch, so that any number of points fits a small screen. */
function bars(peaks) {
  const each = Math.max(1, Math.ceil(peaks.length / BARS_AT_MOST));
  const count = Math.ceil(peaks.length / each);
  return Array.from({ length: count }, (_, i) => Math.max(...peaks.slice(i * each, (i + 1) * each)));
}

/** Draws in a square of one by one: the browser stretches it. */
export function drawWave(peaks) {
  const all = bars(peaks);
  const path = all.map((peak, i) => {
    const x = ((i + 0.5) / all.length).toFixed(5);
    // The root shows what is quiet too: speech is rarely near full scale.
    const half = Math.max(0.008, 0.47 * Math.sqrt(peak / 255));
    return `M${x} ${(0.5 - half).toFixed(4)}V${(0.5 + half).toFixed(4)}`;
  });
  for (const id of ['wave-all', 'wave-done']) $(id).setAttribute('d', path.join(''));
}
