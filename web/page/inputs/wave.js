// The waveform as the slider of what is played.

import { now, seek, toggle } from '../player.js';
import { $ } from '../views/dom.js';

const STEP_S = 5;
const LEAP_S = 30;

const wave = $('wave');

function seekTo({ clientX }) {
  const { left, width } = wave.getBoundingClientRect();
  seek(((clientX - left) / width) * (now()?.duration ?? 0));
}

wave.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  wave.setPointerCapture(event.pointerId);
  seekTo(event);
});
wave.addEventListener('pointermove', (event) => {
  if (wave.hasPointerCapture(event.pointerId)) seekTo(event);
});
wave.addEventListener('keydown', (event) => {
  const playing = now();
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
