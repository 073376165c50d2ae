// The one peer connection of a participant: microphone out, mix of the others in.

/** Opens the microphone. Fails with `code`: `microphone-insecure`, `-refused`, `-missing`, `-busy`. */
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) throw failure('microphone-insecure');
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    switch (error.name) {
      case 'NotAllowedError':
      case 'SecurityError':
        throw failure('microphone-refused', error.message);
      case 'NotFoundError':
      case 'OverconstrainedError':
        throw failure('microphone-missing', error.message);
      default:
        throw failure('microphone-busy', error.message);
    }
  }
}

function failure(code, message) {
  return Object.assign(new Error(message ?? code), { code });
}

export class Peer {
  #pc;
  #channel;
  #early = []; // candidates gathered before the offer was sent
  #offered = false;
  #tell;

  /**
   * @param {MediaStream} microphone
   * @param {{candidate: Function, stream: Function, state: Function}} tell
   */
  constructor(microphone, tell) {
    this.#tell = tell;
    // The server is reachable at the address that it puts into its answer: no STUN or TURN is needed.
    this.#pc = new RTCPeerConnection();
    const [track] = microphone.getAudioTracks();
    this.#pc.addTrack(track, microphone);
    // Part of the protocol, and it has to exist before the offer.
    this.#channel = this.#pc.createDataChannel('renegotiation');
    this.#channel.onmessage = ({ data }) => this.#renegotiate(data).catch(console.error);
    this.#pc.onicecandidate = ({ candidate }) => this.#gathered(candidate);
    this.#pc.ontrack = ({ streams, track: remote }) => tell.stream(streams[0] ?? new MediaStream([remote]));
    this.#pc.onconnectionstatechange = () => tell.state(this.#pc.connectionState);
  }

  /** The offer, without candidates. */
  async offer() {
    const { type, sdp } = await this.#pc.createOffer();
    await this.#pc.setLocalDescription({ type, sdp });
    return { type, sdp };
  }

  /** The offer is on its way: candidates may follow, they must never overtake it. */
  offered() {
    this.#offered = true;
    for (const candidate of this.#early.splice(0)) this.#tell.candidate(candidate);
  }

  async accept(jsep) {
    await this.#pc.setRemoteDescription(jsep);
  }

  addCandidate(candidate) {
    if (!candidate?.candidate) return;
    this.#pc.addIceCandidate(candidate).catch(() => {}); // the answer carries all candidates; these are extra
  }

  close() {
    this.#tell = { candidate() {}, stream() {}, state() {} };
    this.#pc.close();
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
    if (this.#offered) this.#tell.candidate(candidate);
    else this.#early.push(candidate);
  }

  // The server may add a track by a full new offer over the data channel.
  async #renegotiate(data) {
    const message = JSON.parse(data);
    if (message.cmd !== 'DCH_ADD_TRACK') return;
    await this.#pc.setRemoteDescription(message.jsep);
    await this.#pc.setLocalDescription(await this.#pc.createAnswer());
    const { type, sdp } = this.#pc.localDescription;
    this.#channel.send(JSON.stringify({ cmd: 'DCH_ADD_TRACK_COMP', call_id: message.call_idx, jsep: { type, sdp } }));
  }
}
