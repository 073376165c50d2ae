// Stands for react-native-webrtc, which has the browser's interface.
export const RTCPeerConnection = window.RTCPeerConnection;
export const mediaDevices = navigator.mediaDevices;
export const RTCView = class {};
