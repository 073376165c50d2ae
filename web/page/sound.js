// Sounds that the page makes itself, and the level of the microphone.

let context = null;

/** Browsers allow sound only after a click: call this from one. */
export function unlockSound() {
  try {
    context ??= new AudioContext();
    if (context.state === 'suspended') context.resume().catch(() => {});
  } catch {
    context = null; // no audio device: the page still works, silently
  }
  return context;
}

const RING_NOTES_HZ = [587.33, 739.99, 880, 739.99];
const RING_NOTE_S = 0.16;
const RING_EVERY_MS = 2600;

/** A soft ring tone; returns a function that stops it. */
export function ring() {
  const stopped = new AbortController();
  const once = () => {
    const at = unlockSound();
    navigator.vibrate?.([300, 150, 300]);
    if (!at || at.state !== 'running') return;
    const out = at.createGain();
    out.gain.value = 0.25;
    out.connect(at.destination);
    stopped.signal.addEventListener('abort', () => out.disconnect(), { once: true });
    [...RING_NOTES_HZ, ...RING_NOTES_HZ].forEach((frequency, index) => {
      const start = at.currentTime + 0.02 + index * RING_NOTE_S;
      const tone = at.createOscillator();
      const shape = at.createGain();
      tone.type = 'triangle';
      tone.frequency.value = frequency;
      shape.gain.setValueAtTime(0, start);
      shape.gain.linearRampToValueAtTime(1, start + 0.015);
      shape.gain.exponentialRampToValueAtTime(0.001, start + RING_NOTE_S * 1.6);
      tone.connect(shape).connect(out);
      tone.start(start);
      tone.stop(start + RING_NOTE_S * 1.7);
    });
  };
  once();
  const timer = setInterval(once, RING_EVERY_MS);
  return () => {
    clearInterval(timer);
    stopped.abort();
    navigator.vibrate?.(0);
  };
}

const QUIETEST_DB = -60;
const LEVEL_EVERY_MS = 66;

/** Reports the level of a stream, 0 to 1 over 60 dB, about 15 times a second; returns a function that ends it. */
export function watchLevel(stream, report) {
  const at = unlockSound();
  if (!at || !stream) return () => {};
  const source = at.createMediaStreamSource(stream);
  const analyser = at.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let power = 0;
    for (const sample of samples) power += sample * sample;
    const decibel = 10 * Math.log10(power / samples.length + 1e-12);
    const level = Math.min(1, Math.max(0, 1 - decibel / QUIETEST_DB));
    shown = Math.max(level, shown * 0.8); // quick up, slow down
    report(shown);
  }, LEVEL_EVERY_MS);
  return () => {
    clearInterval(timer);
    source.disconnect();
    report(0);
  };
}
