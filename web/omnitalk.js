// A small client of the Omnitalk 2.1 signaling protocol: audio rooms, telephone numbers, incoming calls.
//
// Method and event names are those of the vendor's API. A session ends with `leave()`: the server then closes the
// socket, `close` is emitted, and `createSession()` may be called again on the same object.

import { Peer, openMicrophone } from './peer.js';

const REQUEST_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 10000;
// The server asks for a sign of life every 20 s and gives up after 60 s; so do we.
const SILENCE_LIMIT_MS = 65000;
const SILENCE_CHECK_MS = 5000;

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
};

/**
 * Every rejection of this client. `code` is one of:
 * `connect` (no socket), `closed` (socket ended meanwhile), `timeout` (no answer in 5 s), `refused` (the server said
 * no, `message` is its reason), `state` (not possible now), `microphone-*` (see peer.js).
 */
export class OmnitalkError extends Error {
  constructor(code, message) {
    super(message || code);
    this.name = 'OmnitalkError';
    this.code = code;
  }
}

export class Omnitalk {
  #serviceId;
  #serviceKey;
  #url;
  #audio;
  #socket = null;
  #session = '';
  #userId = '';
  #roomId = '';
  #ringing = null;
  #peer = null;
  #microphone = null;
  #pending = new Map(); // response cmd → requests in the order sent; the server answers in this order
  #handlers = new Map();
  #watch = 0;

  /**
   * @param {string} serviceId
   * @param {string} [serviceKey]
   * @param {{url?: string, audio?: HTMLAudioElement}} [options] `audio` plays what the others say
   */
  constructor(serviceId, serviceKey, options = {}) {
    this.#serviceId = serviceId;
    this.#serviceKey = serviceKey;
    this.#url = options.url ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
    this.#audio = options.audio ?? new Audio();
  }

  get session() {
    return this.#session;
  }

  get userId() {
    return this.#userId;
  }

  get roomId() {
    return this.#roomId;
  }

  /** The microphone, while it is open: for a level meter. */
  get localStream() {
    return this.#microphone;
  }

  /**
   * Events of section 4 of the protocol, `close` ({code, reason}), and two of our own: `media` ({state}, the state of
   * the sound connection or `microphone-ended`) and `playback-blocked` (the browser wants a tap first).
   */
  on(eventName, handler) {
    const list = this.#handlers.get(eventName) ?? [];
    this.#handlers.set(eventName, [...list, handler]);
    return this;
  }

  /** Connects and signs in: `{session, user_id}`. */
  async createSession(userId) {
    if (this.#socket) throw new OmnitalkError('state', 'A session exists already');
    await this.#connect();
    const socket = this.#socket;
    try {
      const answer = await this.#request('SESSION', {
        service_id: this.#serviceId,
        service_key: this.#serviceKey || undefined,
        sdk: 'web',
        ver: '2.1.0',
        heartbeat: true,
        user_id: userId || undefined,
      });
      this.#session = answer.session;
      this.#userId = answer.user_id;
      return { session: answer.session, user_id: answer.user_id };
    } catch (error) {
      if (this.#socket === socket) this.#end({ code: 1000, reason: '' }, false);
      throw error;
    }
  }

  /** A number for this session, or for a room: `{call_number, room_id?}`. Only before joining. */
  makeSipNumber(callNumber, roomId) {
    return this.#request('MAKE_SIPNUM', { call_number: callNumber || undefined, room_id: roomId || undefined });
  }

  /** `{room_id}`. Creating does not join. */
  createRoom(roomType, subject, secret) {
    return this.#request('CREATE_ROOM', {
      room_type: roomType,
      subject: subject || undefined,
      secret: secret || undefined,
    });
  }

  /** `{list, count, page, room_type}`, ten to a page. */
  roomList(roomType = 'all', page = 1) {
    return this.#request('ROOM_LIST', { room_type: roomType, page });
  }

  /** `{list, count, page, room_id}`: the others in the room, ten to a page. */
  partiList(page = 1) {
    return this.#request('PARTI_LIST', { room_id: this.#roomId || undefined, page });
  }

  /** Joins and publishes the microphone: `{room_id, room_type, call_number?}`. */
  async joinRoom(roomId, secret, userName) {
    // The microphone first: whoever refuses it has not joined anything yet.
    await this.openMicrophone();
    return this.#entering(() => this.#join(roomId, secret, userName));
  }

  /** Answers the call that rings, joins its room and publishes the microphone. */
  async answerCall(callType = this.#ringing?.call_type, caller = this.#ringing?.caller) {
    if (!caller) throw new OmnitalkError('refused', 'No call rings for this session');
    await this.openMicrophone();
    return this.#entering(async () => {
      const { room_id: roomId } = await this.#request('ANSWER_CALL', {
        call_type: callType,
        caller,
        callee: this.#userId,
      });
      this.#ringing = null;
      return this.#join(roomId);
    });
  }

  /** Declines the call that rings and keeps the session with its number, unlike `leave()`. */
  async rejectCall() {
    const ringing = this.#ringing;
    this.#ringing = null;
    await this.#request('REJECT_CALL', {
      call_type: ringing?.call_type,
      caller: ringing?.caller,
      callee: this.#userId,
    });
  }

  /** Mutes at the server, for everybody, and stops sending sound. */
  async setMute(track = 'audio') {
    this.#enableMicrophone(false);
    try {
      await this.#request('MUTE', { track });
    } catch (error) {
      this.#enableMicrophone(true);
      throw error;
    }
  }

  async setUnmute(track = 'audio') {
    await this.#request('UNMUTE', { track });
    this.#enableMicrophone(true);
  }

  /** Ends room, call and session; `close` follows. */
  async leave() {
    const socket = this.#socket;
    if (!socket) return;
    this.#releaseMedia();
    try {
      await this.#request('LEAVE', {});
    } finally {
      // A server that has answered closes by itself; this is for the one that does not.
      setTimeout(() => {
        if (this.#socket === socket) this.#end({ code: 1000, reason: '' });
      }, 2000);
    }
  }

  /** Asks for the microphone ahead of time. */
  async openMicrophone() {
    if (this.#microphone?.getTracks().some((track) => track.readyState === 'live')) return;
    const socket = this.#socket;
    const opened = await openMicrophone().catch((error) => {
      throw new OmnitalkError(error.code, error.message);
    });
    if (!socket || this.#socket !== socket) {
      for (const track of opened.getTracks()) track.stop();
      throw new OmnitalkError('closed');
    }
    this.#microphone = opened;
    for (const track of opened.getTracks()) {
      track.addEventListener('ended', () => this.#emit('media', { state: 'microphone-ended' }));
    }
  }

  /** Gives the microphone back that `openMicrophone` has opened, if nothing came of it. */
  closeMicrophone() {
    if (!this.#roomId) this.#releaseMedia();
  }

  /** Tries once more to play the others' sound, from within a click. */
  resumePlayback() {
    return this.#audio.play();
  }

  // -- joining ------------------------------------------------------------------------------------------------------

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
    this.#roomId = joined.room_id;
    await this.#publish();
    return joined;
  }

  async #publish() {
    const peer = new Peer(this.#microphone, {
      candidate: (candidate) => this.#send({ cmd: 'WS_TRICKLE', session: this.#session, track: 'audio', candidate }),
      stream: (stream) => this.#play(stream),
      state: (state) => {
        if (this.#peer === peer) this.#emit('media', { state });
      },
    });
    this.#peer = peer;
    const jsep = await peer.offer();
    const answering = this.#request('PUBLISH', { track: 'audio', jsep });
    peer.offered();
    const answer = await answering;
    // The call may have ended while the answer was on its way.
    if (this.#peer !== peer) throw new OmnitalkError('closed');
    await peer.accept(answer.jsep);
  }

  #play(stream) {
    this.#audio.srcObject = stream;
    this.#audio.play().catch((error) => {
      if (error.name === 'NotAllowedError') this.#emit('playback-blocked', {});
    });
  }

  #enableMicrophone(on) {
    for (const track of this.#microphone?.getAudioTracks() ?? []) track.enabled = on;
  }

  #releaseMedia() {
    const peer = this.#peer;
    this.#peer = null;
    peer?.close();
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#microphone = null;
    this.#audio.srcObject = null;
  }

  // -- the socket ---------------------------------------------------------------------------------------------------

  #connect() {
    return new Promise((resolve, reject) => {
      let socket;
      try {
        socket = new WebSocket(this.#url);
      } catch (error) {
        reject(new OmnitalkError('connect', error.message));
        return;
      }
      this.#socket = socket;
      let lastHeard = Date.now();
      let isOpen = false;
      const giveUp = () => {
        if (this.#socket === socket) this.#socket = null;
        socket.close();
        reject(new OmnitalkError('connect'));
      };
      const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        isOpen = true;
        lastHeard = Date.now();
        this.#watch = setInterval(() => {
          if (Date.now() - lastHeard > SILENCE_LIMIT_MS) this.#end({ code: 4001, reason: 'silence' });
        }, SILENCE_CHECK_MS);
        resolve();
      };
      socket.onmessage = ({ data }) => {
        if (this.#socket !== socket) return;
        lastHeard = Date.now();
        this.#receive(data);
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(timer);
        if (!isOpen) {
          giveUp();
        } else if (this.#socket === socket) {
          this.#end({ code, reason });
        }
      };
    });
  }

  #end(how, tell = true) {
    const socket = this.#socket;
    clearInterval(this.#watch);
    const hadSession = this.#session !== '';
    this.#socket = null;
    this.#session = '';
    this.#roomId = '';
    this.#ringing = null;
    this.#releaseMedia();
    if (socket) socket.close();
    const waiting = [...this.#pending.values()].flat();
    this.#pending.clear();
    for (const request of waiting) request.fail(new OmnitalkError('closed'));
    if (tell && hadSession) this.#emit('close', how);
  }

  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #request(name, fields) {
    return new Promise((resolve, reject) => {
      const key = `WS_${name}_RSP`;
      const message = { cmd: `WS_${name}_REQ`, session: this.#session || undefined, ...fields };
      if (!this.#send(message)) {
        reject(new OmnitalkError('closed'));
        return;
      }
      // An expired request keeps its place in the queue, so that its late answer is not taken for the next one's.
      const timer = setTimeout(() => reject(new OmnitalkError('timeout')), REQUEST_TIMEOUT_MS);
      const request = {
        settle: ({ cmd, result, reason, ...rest }) => {
          clearTimeout(timer);
          if (result === 'success') resolve(rest);
          else reject(new OmnitalkError('refused', reason));
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const queue = this.#pending.get(key);
      if (queue) queue.push(request);
      else this.#pending.set(key, [request]);
    });
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message?.cmd !== 'string') return;
    if (message.event) this.#notified(message);
    else if (message.cmd === 'WS_HEARTBEAT_REQ') {
      this.#send({ cmd: 'WS_HEARTBEAT_RSP', timestamp: message.timestamp, session: message.session });
    } else if (message.cmd === 'WS_TRICKLE') this.#peer?.addCandidate(message.candidate);
    else this.#pending.get(message.cmd)?.shift()?.settle(message);
  }

  #notified({ cmd, event, ...about }) {
    const name = EVENTS[cmd];
    if (!name) return;
    if (name === 'RINGING_EVENT') this.#ringing = about;
    if (name === 'CANCEL_EVENT' || (name === 'LEAVE_EVENT' && about.session === this.#ringing?.session)) {
      this.#ringing = null;
    }
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
