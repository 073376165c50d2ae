// Plays one file of a recording: position, seeking, and the waveform as the slider for it.

import { loadable } from './archive.js';
import { $, clock, text } from './dom.js';
import { t } from './i18n.js';

const STEP_S = 5;
const LEAP_S = 30;
const BARS_AT_MOST = 240;

const sound = $('recording-sound');

let playing = null; // {id, file, duration, position, source, loading}
let failed = () => {};

const isSame = (id, file) => playing?.id === id && playing.file.name === file.name;

/** What is to be played; whatever played before is silent. `tell` gets the error when it cannot be loaded. */
export function choose(id, file, duration, tell) {
  failed = tell;
  if (isSame(id, file)) return;
  // Another file of the same recording goes on at the same moment: all are of one length.
  const position = playing?.id === id ? playing.position : 0;
  stop();
  playing = { id, file, duration, position, source: null, loading: false };
  show();
}

export function stop() {
  if (!playing) return;
  sound.pause();
  sound.removeAttribute('src');
  playing.source?.release();
  playing = null;
}

export async function toggle() {
  const one = playing;
  if (!one || one.loading) return;
  if (!sound.paused) {
    sound.pause();
    return;
  }
  try {
    if (!one.source) await load(one);
    if (playing !== one) return;
    if (one.position >= one.duration - 0.05) seek(0);
    await sound.play();
  } catch (error) {
    if (playing === one && error.name !== 'AbortError') failed(error); // aborted: by a pause meanwhile
  }
  show();
}

/** Nothing is loaded before it is wanted: a recording may be large, and its token may be asked for. */
async function load(one) {
  one.loading = true;
  try {
    const source = await loadable(one.id, one.file.name);
    if (playing !== one) {
      source.release();
      return;
    }
    one.source = source;
    sound.src = source.address;
    sound.currentTime = one.position;
  } finally {
    one.loading = false;
  }
}

export function seek(to) {
  if (!playing) return;
  playing.position = Math.min(Math.max(to, 0), playing.duration);
  if (playing.source) sound.currentTime = playing.position;
  show();
}

function show() {
  if (!playing) return;
  const { position, duration } = playing;
  const isPlaying = !sound.paused;
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

export { show as renderPlayer };

sound.addEventListener('timeupdate', () => {
  if (!playing?.source || sound.seeking) return;
  playing.position = Math.min(sound.currentTime, playing.duration);
  show();
});
sound.addEventListener('ended', () => {
  if (playing) playing.position = playing.duration;
  show();
});
for (const name of ['play', 'pause']) sound.addEventListener(name, show);
sound.addEventListener('error', () => {
  if (playing?.source && sound.hasAttribute('src')) failed(new Error(sound.error?.message));
});

// -- waveform ---------------------------------------------------------------------------------------------------------

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

function seekTo({ clientX }) {
  const { left, width } = $('wave').getBoundingClientRect();
  if (playing) seek(((clientX - left) / width) * playing.duration);
}

$('wave').addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  $('wave').setPointerCapture(event.pointerId);
  seekTo(event);
});
$('wave').addEventListener('pointermove', (event) => {
  if ($('wave').hasPointerCapture(event.pointerId)) seekTo(event);
});
$('wave').addEventListener('keydown', (event) => {
  if (!playing || event.altKey || event.ctrlKey || event.metaKey) return;
  const { position, duration } = playing;
  const keys = {
    ArrowLeft: () => seek(position - STEP_S),
    ArrowDown: () => seek(position - STEP_S),
    ArrowRight: () => seek(position + STEP_S),
    ArrowUp: () => seek(position + STEP_S),
    PageDown: () => seek(position - LEAP_S),
    PageUp: () => seek(position + LEAP_S),
    Home: () => seek(0),
    End: () => seek(duration),
    ' ': toggle,
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
