// Stands for react-native-webrtc, which has the browser's interface.
export const RTCPeerConnection = window.RTCPeerConnection;
export const mediaDevices = navigator.mediaDevices;
export const RTCView = class {};

// The native view shows a stream by its URL; so do the rig's views.
const streams = new Map();
MediaStream.prototype.toURL = function () {
  const url = `stream:${this.id}`;
  streams.set(url, this);
  return url;
};
window.streamOf = (url) => streams.get(url);
