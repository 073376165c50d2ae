// Peer connections: the audio one (microphone out, mix of the others in), one for each own camera or screen, one for
// each video that is watched.

import { connecting } from './error.js';

/** What every connection has: candidates that never overtake the description they belong to, and an end. */
class Connection {
  pc;
  #early = [];
  #described = false;
  #tell;

  /** @param {{candidate: Function, state?: Function, iceServers?: RTCIceServer[]}} tell */
  constructor(tell) {
    this.#tell = tell;
    // The server is reachable at the addresses in its descriptions: no STUN is needed. TURN is for others' networks.
    this.pc = new RTCPeerConnection({ iceServers: tell.iceServers ?? [] });
    this.pc.onicecandidate = ({ candidate }) => this.#gathered(candidate);
    this.pc.onconnectionstatechange = () => this.#tell.state?.(this.pc.connectionState);
  }

  /** Our description is on its way: candidates may follow. */
  described() {
    this.#described = true;
    for (const candidate of this.#early.splice(0)) this.#tell.candidate(candidate);
  }

  async accept(jsep) {
    await connecting(() => this.pc.setRemoteDescription(jsep));
  }

  addCandidate(candidate) {
    if (!candidate?.candidate) return;
    this.pc.addIceCandidate(candidate).catch(() => {}); // the description carries all candidates; these are extra
  }

  /** Sends this track from now on instead of the one of its kind. */
  async replace(track) {
    const sender = this.pc.getSenders().find((one) => one.track?.kind === track.kind);
    await connecting(() => sender?.replaceTrack(track));
  }

  close() {
    this.#tell = { candidate() {} };
    this.pc.ontrack = null;
    this.pc.close();
  }

  #gathered(found) {
    const candidate = found
      ? {
          type: 'candidate',
          candidate: found.candidate,
          sdpMid: found.sdpMid,
          sdpMLineIndex: found.sdpMLineIndex,
        }
      : { type: 'candidate', completed: true };
    if (this.#described) this.#tell.candidate(candidate);
    else this.#early.push(candidate);
  }
}

const plain = ({ type, sdp }) => ({ type, sdp });

/** A connection that we offer: audio, camera, screen. */
class Offering extends Connection {
  /** The offer, without candidates. */
  offer() {
    return connecting(async () => {
      const offer = await this.pc.createOffer();
      await this.pc.setLocalDescription(offer);
      return plain(offer);
    });
  }
}

/** Microphone out, mix of the others in. */
export class AudioPeer extends Offering {
  #channel;

  /** @param {{candidate: Function, stream: Function, state: Function}} tell */
  constructor(microphone, tell) {
    super(tell);
    const [track] = microphone.getAudioTracks();
    this.pc.addTrack(track, microphone);
    // Part of the protocol, and it has to exist before the offer.
    this.#channel = this.pc.createDataChannel('renegotiation');
    this.#channel.onmessage = ({ data }) => this.#renegotiate(data).catch(console.error);
    this.pc.ontrack = ({ streams, track: remote }) => tell.stream(streams[0] ?? new MediaStream([remote]));
  }

  // The server may add a track by a full new offer over the data channel.
  async #renegotiate(data) {
    const message = JSON.parse(data);
    if (message.cmd !== 'DCH_ADD_TRACK') return;
    await this.pc.setRemoteDescription(message.jsep);
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    const jsep = plain(this.pc.localDescription);
    this.#channel.send(JSON.stringify({ cmd: 'DCH_ADD_TRACK_COMP', call_id: message.call_idx, jsep }));
  }
}

/** A camera or a screen out. */
export class VideoPeer extends Offering {
  constructor(stream, tell) {
    super(tell);
    const [track] = stream.getVideoTracks();
    this.pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
  }
}

/** Somebody's video in; the server offers. */
export class ViewerPeer extends Connection {
  /** Takes the offer: the answer, and the stream that will show. */
  async answer(jsep) {
    const shown = new Promise((resolve) => {
      this.pc.ontrack = ({ streams, track }) => resolve(streams[0] ?? new MediaStream([track]));
    });
    await this.accept(jsep);
    return connecting(async () => {
      const answer = await this.pc.createAnswer();
      await this.pc.setLocalDescription(answer);
      return { jsep: plain(answer), stream: await shown };
    });
  }
}
