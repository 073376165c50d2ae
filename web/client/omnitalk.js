// The Omnitalk 2.1 API for browsers, as one ES module without dependencies: rooms, video, calls, chat, telephone numbers.
//
// Method and event names are those of the vendor's API; where that takes ids of HTML elements, this gives streams. Types
// and one example a method: omnitalk.d.ts. A session ends with `leave()`: the server then closes the socket, `close` is
// emitted, and `createSession()` may be called again on the same object.

import { listDevices, openCamera, openMicrophone, openScreen, play, playAt, resize, stop } from './devices.js';
import { OmnitalkError, connecting } from './error.js';
import { AudioPeer, VideoPeer, ViewerPeer } from './peer.js';
import { Wire } from './wire.js';

export { OmnitalkError };

const EVENTS = {
  WS_RINGING_NOTI: 'RINGING_EVENT',
  WS_RINGBACK_NOTI: 'RINGBACK_EVENT',
  WS_CALL_CONNECTED_NOTI: 'CONNECTED_EVENT',
  WS_BROADCAST_NOTI: 'BROADCASTING_EVENT',
  WS_LEAVE_NOTI: 'LEAVE_EVENT',
  WS_MESSAGE_NOTI: 'MESSAGE_EVENT',
  WS_MUTE_NOTI: 'MUTE_EVENT',
  WS_UNMUTE_NOTI: 'UNMUTE_EVENT',
  WS_SCREEN_SHARE_NOTI: 'SCREEN_SHARE_EVENT',
  WS_SCREEN_UNSHARE_NOTI: 'SCREEN_UNSHARE_EVENT',
  WS_KICKOUT_NOTI: 'KICKOUT_EVENT',
  WS_CANCEL_NOTI: 'CANCEL_EVENT',
  // Not of the vendor's protocol: this server tells it to this client alone.
  WS_RECORDING_NOTI: 'RECORDING_EVENT',
};

const RESOLUTIONS = {
  QVGA: [320, 240],
  VGA: [640, 480],
  SD: [720, 480],
  HD: [1280, 720],
  FHD: [1920, 1080],
  '2K': [2560, 1440],
  '4K': [3840, 2160],
};

/** What is begun with a stream; where it fails, the device is given back. */
async function stopping(stream, begun) {
  try {
    return await begun;
  } catch (error) {
    stop(stream);
    throw error;
  }
}

/** Unix seconds of a Date, or nothing. */
const seconds = (date) => (date ? Math.floor(date.getTime() / 1000) : undefined);

export class Omnitalk {
  #serviceId;
  #serviceKey;
  #joinToken;
  #url;
  #audio;
  #iceServers;
  #wire = null;
  #userId = '';
  #room = null; // {id, type}
  #ringing = null;
  #audioPeer = null;
  #microphone = null;
  #camera = null; // {peer, stream}
  #screen = null;
  #viewers = new Map(); // publisher's or screen's session → ViewerPeer
  #devices = { audio: undefined, video: undefined };
  #resolution = RESOLUTIONS.SD;
  #transaction = 0;
  #handlers = new Map();

  constructor(serviceId, serviceKey, options = {}) {
    this.#serviceId = serviceId;
    this.#serviceKey = serviceKey;
    this.#url = options.url ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
    this.#joinToken = options.joinToken ?? '';
    this.#audio = options.audio ?? new Audio();
    this.#iceServers = options.iceServers ?? [];
  }

  get session() {
    return this.#wire?.session ?? '';
  }

  get userId() {
    return this.#userId;
  }

  get roomId() {
    return this.#room?.id ?? '';
  }

  get localStream() {
    return this.#microphone;
  }

  get cameraStream() {
    return this.#camera?.stream ?? null;
  }

  get screenStream() {
    return this.#screen?.stream ?? null;
  }

  on(eventName, handler) {
    const list = this.#handlers.get(eventName) ?? [];
    this.#handlers.set(eventName, [...list, handler]);
    return this;
  }

  // -- session ------------------------------------------------------------------------------------------------------

  async createSession(userId) {
    if (this.#wire) throw new OmnitalkError('state', 'A session exists already');
    const wire = await Wire.open(this.#url, {
      notified: (message) => this.#notified(message),
      trickled: (message) => this.#trickled(message),
      closed: (how) => this.#closed(wire, how),
    });
    if (this.#wire) {
      wire.end({ code: 1000, reason: '' });
      throw new OmnitalkError('state', 'A session exists already');
    }
    this.#wire = wire;
    try {
      const answer = await wire.request('SESSION', {
        service_id: this.#serviceId,
        service_key: this.#serviceKey || undefined,
        join_token: this.#joinToken || undefined,
        sdk: 'omnigate',
        ver: '2.1.0',
        heartbeat: true,
        user_id: userId || undefined,
      });
      wire.session = answer.session;
      this.#userId = answer.user_id;
      return { session: answer.session, user_id: answer.user_id };
    } catch (error) {
      wire.end({ code: 1000, reason: '' });
      throw error;
    }
  }

  makeSipNumber(callNumber, roomId) {
    return this.#request('MAKE_SIPNUM', { call_number: callNumber || undefined, room_id: roomId || undefined });
  }

  sessionList(page = 1) {
    return this.#request('SESSION_LIST', { page });
  }

  async leave() {
    const wire = this.#wire;
    if (!wire) return;
    this.#releaseMedia();
    try {
      await wire.request('LEAVE');
    } finally {
      // A server that has answered closes by itself; this is for the one that does not.
      setTimeout(() => wire.end({ code: 1000, reason: '' }), 2000);
    }
  }

  // -- rooms --------------------------------------------------------------------------------------------------------

  createRoom(roomType, subject, secret, startDate, endDate) {
    return this.#request('CREATE_ROOM', {
      room_type: roomType,
      subject: subject || undefined,
      secret: secret || undefined,
      start_date: seconds(startDate),
      end_date: seconds(endDate),
    });
  }

  destroyRoom(roomId) {
    return this.#request('DESTROY_ROOM', { room_id: roomId });
  }

  roomList(roomType = 'all', page = 1) {
    return this.#request('ROOM_LIST', { room_type: roomType, page });
  }

  async joinRoom(roomId, secret, userName) {
    // The microphone first: whoever refuses it has not joined anything yet.
    await this.openMicrophone();
    return this.#entering(() => this.#join(roomId, secret, userName));
  }

  partiList(page = 1) {
    return this.#request('PARTI_LIST', { room_id: this.roomId || undefined, page });
  }

  publishList(page = 1) {
    return this.#request('PUBLISH_LIST', { room_id: this.roomId || undefined, page });
  }

  screenList() {
    return this.#request('SCREEN_LIST', { room_id: this.roomId || undefined });
  }

  kickOut(session) {
    return this.#request('KICKOUT', { target: session });
  }

  // -- calls --------------------------------------------------------------------------------------------------------

  async offerCall(callType, callee) {
    await this.openMicrophone();
    return this.#entering(async () => {
      const { room_id: roomId } = await this.#request('OFFER_CALL', {
        call_type: callType,
        caller: this.#userId,
        callee,
        record: false,
      });
      return this.#enterCall(callType, roomId);
    });
  }

  /** Presses keys for the telephone in this call: 0 to 9, *, #, A to D. */
  async sendKeys(keys) {
    await this.#request('KEYS', { keys: String(keys) });
  }

  async answerCall(callType = this.#ringing?.call_type, caller = this.#ringing?.caller) {
    if (!caller) throw new OmnitalkError('nothing-rings', 'No call rings for this session');
    await this.openMicrophone();
    return this.#entering(async () => {
      const { room_id: roomId } = await this.#request('ANSWER_CALL', {
        call_type: callType,
        caller,
        callee: this.#userId,
      });
      this.#ringing = null;
      return this.#enterCall(callType, roomId);
    });
  }

  async rejectCall() {
    const ringing = this.#ringing;
    this.#ringing = null;
    await this.#request('REJECT_CALL', {
      call_type: ringing?.call_type,
      caller: ringing?.caller,
      callee: this.#userId,
    });
  }

  async #enterCall(callType, roomId) {
    // Without a name the server makes one up.
    const joined = await this.#join(roomId, undefined, this.#userId);
    // A call without a camera is still a call.
    if (callType === 'videocall') await this.publish().catch((error) => this.#emit('camera-failed', error));
    return joined;
  }

  // -- video --------------------------------------------------------------------------------------------------------

  async publish() {
    if (this.#camera) throw new OmnitalkError('state', 'The camera is published already');
    const stream = await openCamera(this.#devices.video, this.#resolution);
    const answer = await this.#sendVideo(stream, 'PUBLISH', (peer) => {
      this.#camera = { peer, stream };
    });
    return { session: answer.session, stream };
  }

  async screenShare() {
    if (this.#screen) throw new OmnitalkError('state', 'The screen is shared already');
    const stream = await openScreen();
    const answer = await this.#sendVideo(stream, 'SCREEN_SHARE', (peer) => {
      this.#screen = { peer, stream };
    });
    // The browser's own "stop sharing".
    stream.getVideoTracks()[0].addEventListener('ended', () => {
      if (this.#screen?.stream === stream) this.screenUnshare().catch(() => {});
      this.#emit('screen-ended', {});
    });
    return { session: answer.session, stream };
  }

  async screenUnshare() {
    this.#closeVideo('screen');
    await this.#request('SCREEN_UNSHARE');
  }

  async subscribe(session) {
    const { jsep, screen } = await this.#request('SUBSCRIBE', { subscribe: session }, 'subscribe');
    this.#viewers.get(session)?.close();
    const peer = await connecting(
      () => new ViewerPeer({ iceServers: this.#iceServers, candidate: (candidate) => this.#trickle('video', candidate, session) }),
    );
    this.#viewers.set(session, peer);
    const answer = await peer.answer(jsep).catch((error) => {
      if (this.#viewers.get(session) === peer) this.#forget(session);
      throw error;
    });
    this.#wire?.send({ cmd: 'WS_SUBSCRIBE_COMP', session: this.session, subscribe: session, jsep: answer.jsep });
    peer.described();
    return { session: this.session, publisher_session: session, screen, stream: answer.stream };
  }

  async unsubscribe(session) {
    this.#forget(session);
    await this.#request('UNSUBSCRIBE', { subscribe: session }, 'subscribe');
    return { session: this.session, publisher_session: session };
  }

  async setResolution(name) {
    const size = RESOLUTIONS[name];
    if (!size) throw new OmnitalkError('state', `Resolution ${name}: one of ${Object.keys(RESOLUTIONS).join(', ')}`);
    this.#resolution = size;
    const [width, height] = size;
    const [track] = this.#camera?.stream.getVideoTracks() ?? [];
    if (track) await resize(track, size);
    await this.#request('RESOLUTION', { resolution: width * height });
  }

  // -- devices ------------------------------------------------------------------------------------------------------

  getDeviceList() {
    return listDevices();
  }

  async setAudioInput(deviceId) {
    this.#devices.audio = deviceId;
    const old = this.#microphone;
    if (!old) return;
    const stream = await openMicrophone(deviceId);
    const [track] = stream.getAudioTracks();
    track.enabled = old.getAudioTracks()[0]?.enabled ?? true;
    await stopping(stream, this.#audioPeer?.replace(track));
    this.#hold(stream);
    stop(old);
  }

  setAudioOutput(deviceId) {
    return playAt(this.#audio, deviceId);
  }

  async setVideoDevice(deviceId) {
    this.#devices.video = deviceId;
    const camera = this.#camera;
    if (!camera) return;
    const stream = await openCamera(deviceId, this.#resolution);
    const [track] = stream.getVideoTracks();
    track.enabled = camera.stream.getVideoTracks()[0]?.enabled ?? true;
    await stopping(stream, camera.peer.replace(track));
    stop(camera.stream);
    camera.stream = stream;
    if (this.#camera !== camera) stop(stream); // all has ended meanwhile
  }

  // -- mute ---------------------------------------------------------------------------------------------------------

  async setMute(track = 'audio') {
    this.#enable(track, false);
    try {
      await this.#request('MUTE', { track });
    } catch (error) {
      this.#enable(track, true);
      throw error;
    }
  }

  async setUnmute(track = 'audio') {
    await this.#request('UNMUTE', { track });
    this.#enable(track, true);
  }

  #enable(track, on) {
    const stream = track === 'audio' ? this.#microphone : this.#camera?.stream;
    for (const one of stream?.getTracks() ?? []) one.enabled = on;
  }

  // -- chat ---------------------------------------------------------------------------------------------------------

  sendMessage(message) {
    return this.#message({ action: 'send', message });
  }

  sendWhisper(message, session) {
    return this.#message({ action: 'whisper', message, to_user: session });
  }

  messageList() {
    return this.#message({ action: 'list' });
  }

  #message(fields) {
    this.#transaction += 1;
    return this.#request('MESSAGE', { ...fields, transaction: String(this.#transaction) }, 'transaction');
  }

  // -- recording ----------------------------------------------------------------------------------------------------

  recordingStart() {
    return this.#request('RECORDING', { action: 'start', track: 'audio' });
  }

  recordingStop() {
    return this.#request('RECORDING', { action: 'stop', track: 'audio' });
  }

  // -- microphone and loudspeaker -----------------------------------------------------------------------------------

  async openMicrophone() {
    if (this.#microphone?.getTracks().some((track) => track.readyState === 'live')) return;
    const wire = this.#wire;
    const opened = await openMicrophone(this.#devices.audio);
    if (!wire || this.#wire !== wire) {
      stop(opened);
      throw new OmnitalkError('closed');
    }
    this.#hold(opened);
  }

  closeMicrophone() {
    if (!this.#room) this.#releaseMedia();
  }

  resumePlayback() {
    return play(this.#audio);
  }

  #hold(microphone) {
    this.#microphone = microphone;
    for (const track of microphone.getTracks()) {
      track.addEventListener('ended', () => {
        if (this.#microphone === microphone) this.#emit('media', { state: 'microphone-ended' });
      });
    }
  }

  // -- inside -------------------------------------------------------------------------------------------------------

  // Whoever could not enter does not keep the microphone open. Inside without sound, `leave()` is what remains.
  async #entering(enter) {
    try {
      return await enter();
    } catch (error) {
      this.closeMicrophone();
      throw error;
    }
  }

  async #join(roomId, secret, userName) {
    const joined = await this.#request('JOIN_ROOM', {
      room_id: roomId,
      secret: secret || undefined,
      user_name: userName || undefined,
    });
    this.#room = { id: joined.room_id, type: joined.room_type };
    const tell = {
      iceServers: this.#iceServers,
      candidate: (candidate) => this.#trickle('audio', candidate),
      stream: (stream) => this.#play(stream),
      state: (state) => {
        if (this.#audioPeer === peer) this.#emit('media', { state });
      },
    };
    const peer = await connecting(() => new AudioPeer(this.#microphone, tell));
    this.#audioPeer = peer;
    await this.#negotiate(peer, 'PUBLISH', { track: 'audio' }, () => this.#audioPeer === peer);
    return joined;
  }

  async #sendVideo(stream, request, keep) {
    const tell = { iceServers: this.#iceServers, candidate: (candidate) => this.#trickle('video', candidate) };
    const peer = await stopping(stream, connecting(() => new VideoPeer(stream, tell)));
    keep(peer);
    const { width = this.#resolution[0], height = this.#resolution[1] } = stream.getVideoTracks()[0].getSettings();
    const isOurs = () => this.#camera?.peer === peer || this.#screen?.peer === peer;
    try {
      return await this.#negotiate(peer, request, { track: 'video', resolution: width * height }, isOurs);
    } catch (error) {
      if (this.#camera?.peer === peer) this.#closeVideo('camera');
      if (this.#screen?.peer === peer) this.#closeVideo('screen');
      throw error;
    }
  }

  async #negotiate(peer, request, fields, isWanted) {
    const jsep = await peer.offer();
    const answering = this.#request(request, { ...fields, jsep });
    peer.described();
    const answer = await answering;
    // All may have ended while the answer was on its way.
    if (!isWanted()) throw new OmnitalkError('closed');
    await peer.accept(answer.jsep);
    return answer;
  }

  #closeVideo(which) {
    const one = which === 'camera' ? this.#camera : this.#screen;
    if (which === 'camera') this.#camera = null;
    else this.#screen = null;
    one?.peer.close();
    stop(one?.stream);
  }

  #forget(session) {
    this.#viewers.get(session)?.close();
    this.#viewers.delete(session);
  }

  #play(stream) {
    this.#audio.srcObject = stream;
    play(this.#audio).catch((error) => {
      if (error.code === 'playback-blocked') this.#emit('playback-blocked', {});
    });
  }

  #releaseMedia() {
    const peer = this.#audioPeer;
    this.#audioPeer = null;
    peer?.close();
    this.#closeVideo('camera');
    this.#closeVideo('screen');
    for (const session of [...this.#viewers.keys()]) this.#forget(session);
    const microphone = this.#microphone;
    this.#microphone = null;
    stop(microphone);
    this.#audio.srcObject = null;
  }

  #trickle(track, candidate, subscribe) {
    this.#wire?.send({ cmd: 'WS_TRICKLE', session: this.session, track, candidate, subscribe });
  }

  #trickled({ session, track, candidate }) {
    if (session !== this.session) this.#viewers.get(session)?.addCandidate(candidate);
    else (track === 1 ? this.#audioPeer : this.#camera?.peer)?.addCandidate(candidate);
  }

  #request(name, fields, echo) {
    return this.#wire?.request(name, fields, echo) ?? Promise.reject(new OmnitalkError('closed'));
  }

  #closed(wire, how) {
    if (this.#wire !== wire) return;
    this.#wire = null;
    this.#room = null;
    this.#ringing = null;
    this.#releaseMedia();
    if (wire.session) this.#emit('close', how);
  }

  #notified({ cmd, event, ...about }) {
    const name = EVENTS[cmd];
    if (!name) return;
    if (name === 'RINGING_EVENT') this.#ringing = about;
    if (name === 'CANCEL_EVENT' || (name === 'LEAVE_EVENT' && about.session === this.#ringing?.session)) {
      this.#ringing = null;
    }
    if (name === 'LEAVE_EVENT' || name === 'SCREEN_UNSHARE_EVENT') this.#forget(about.session);
    this.#emit(name, about);
  }

  #emit(name, about) {
    for (const handler of this.#handlers.get(name) ?? []) {
      try {
        handler(about);
      } catch (error) {
        console.error(name, error);
      }
    }
  }
}
