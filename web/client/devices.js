// Microphones, loudspeakers, cameras and screens of the browser.

import { OmnitalkError, asked } from './error.js';

/** A code ends with what is wrong with the device: `microphone-refused`, `camera-missing` … */
const wrong = (what) => (error) => {
  switch (error.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return `${what}-refused`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `${what}-missing`;
    default:
      return `${what}-busy`;
  }
};

async function open(what, request) {
  if (!navigator.mediaDevices?.getUserMedia) throw new OmnitalkError(`${what}-insecure`);
  return asked(request, wrong(what));
}

const exactly = (deviceId) => (deviceId ? { exact: deviceId } : undefined);
const size = ([width, height]) => ({ width: { ideal: width }, height: { ideal: height } });

export function openMicrophone(deviceId) {
  const audio = { deviceId: exactly(deviceId), echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return open('microphone', () => navigator.mediaDevices.getUserMedia({ audio }));
}

export function openCamera(deviceId, picture) {
  const video = { deviceId: exactly(deviceId), ...size(picture) };
  return open('camera', () => navigator.mediaDevices.getUserMedia({ video }));
}

export function openScreen() {
  return open('screen', () => navigator.mediaDevices.getDisplayMedia({ video: true }));
}

export function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** A camera that is open takes pictures of another size. */
export const resize = (track, picture) => asked(() => track.applyConstraints(size(picture)), wrong('camera'));

export async function listDevices() {
  const all = (await asked(() => navigator.mediaDevices?.enumerateDevices(), () => 'state')) ?? [];
  const of = (kind) => all.filter((one) => one.kind === kind).map(({ deviceId, label }) => ({ deviceId, label }));
  return { audioinput: of('audioinput'), audiooutput: of('audiooutput'), videoinput: of('videoinput') };
}

/** What `element` plays is heard there from now on. */
export async function playAt(element, deviceId) {
  if (!element.setSinkId) throw new OmnitalkError('state', 'This browser cannot choose the loudspeaker');
  await asked(() => element.setSinkId(deviceId), wrong('loudspeaker'));
}

/** Plays; browsers may want a click before. */
export const play = (element) =>
  asked(() => element.play(), (error) => (error.name === 'NotAllowedError' ? 'playback-blocked' : 'playback-failed'));
